// A graph as JSON text in which single literals can be replaced without writing it again: a request costs a few slices,
// not a walk. Used by the compiled graph.

import { stringifyJson } from '../json.ts';
import type { Graph } from './parse.ts';

/** `nodeId` and input name as one key; neither can hold the separator's meaning away, since lookups are exact. */
export function inputKey(nodeId: string, name: string): string {
  return `${nodeId}\u0000${name}`;
}

export interface GraphText {
  text: string;
  /** Where each input's value stands, by inputKey: UTF-16 offsets. */
  spans: ReadonlyMap<string, Span>;
}

export interface Span {
  start: number;
  end: number;
}

/** The same text as stringifyJson(graph), with the place of every input's value. */
export function writeGraphText(graph: Graph): GraphText {
  const spans = new Map<string, Span>();
  const parts: string[] = [];
  let length = 0;
  const add = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  let nodeComma = '{';
  for (const [nodeId, node] of Object.entries(graph)) {
    add(`${nodeComma}${JSON.stringify(nodeId)}:{"class_type":${JSON.stringify(node.class_type)},"inputs":`);
    let inputComma = '{';
    for (const [name, value] of Object.entries(node.inputs)) {
      add(`${inputComma}${JSON.stringify(name)}:`);
      const start = length;
      add(stringifyJson(value));
      spans.set(inputKey(nodeId, name), { start, end: length });
      inputComma = ',';
    }
    add(inputComma === '{' ? '{}' : '}');
    if (node._meta !== undefined) add(`,"_meta":${stringifyJson(node._meta)}`);
    add('}');
    nodeComma = ',';
  }
  add(nodeComma === '{' ? '{}' : '}');
  return { text: parts.join(''), spans };
}

export interface Edit {
  span: Span;
  text: string;
}

/** The text with these places replaced; no two of them overlap. */
export function spliceText(text: string, edits: Edit[]): string {
  if (edits.length === 0) return text;
  edits.sort((a, b) => a.span.start - b.span.start);
  let result = '';
  let from = 0;
  for (const edit of edits) {
    result += text.slice(from, edit.span.start) + edit.text;
    from = edit.span.end;
  }
  return result + text.slice(from);
}
