// `%Node.widget%` and `%date:yyyy-MM-dd%` in the file names of save nodes: only the editor fills them in. Called by
// emit.ts and primitives.ts.

import { type JsonValue, LosslessNumber } from '../json.ts';
import { isFileNameNode } from './class-extras.ts';
import type { EditorGraph, EditorNode } from './graph-model.ts';
import { own, textOf } from './raw-values.ts';

export type FillIn = (text: string) => string;

/** `now` undefined: dates stay as they are written. */
export function createFillIn(root: EditorGraph, now: Date | undefined): FillIn {
  let index: NameIndex | undefined;
  const widgetText = (name: string, widget: string): string | undefined => {
    index ??= indexNames(root);
    const node = index.aliases.get(name) ?? index.titles.get(name);
    const value = node === undefined ? undefined : findValue(node, widget);
    return value === undefined ? undefined : shown(value).replaceAll(UNSAFE, '_');
  };
  const fill = (whole: string, inner: string): string => {
    const [name = '', widget, ...more] = inner.split('.');
    if (widget !== undefined && more.length === 0) return widgetText(name, widget) ?? whole;
    return name.startsWith('date:') && now !== undefined ? formatDate(name.slice(5), now) : whole;
  };
  return (text) => text.replace(/%([^%]+)%/g, fill);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that a file name cannot hold
const UNSAFE = /[/?<>\\:*|"\x00-\x1F\x7F]/g;

interface NameIndex {
  readonly aliases: ReadonlyMap<string, EditorNode>;
  readonly titles: ReadonlyMap<string, EditorNode>;
}

/** The first node of each name; what is inside an instance comes before the instance. */
function indexNames(root: EditorGraph): NameIndex {
  const aliases = new Map<string, EditorNode>();
  const titles = new Map<string, EditorNode>();
  const visited = new Set<EditorGraph>([root]);
  const stack: { graph: EditorGraph; at: number }[] = [{ graph: root, at: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const node = top.graph.nodes[top.at];
    if (node === undefined) stack.pop();
    else if (node.definition !== undefined && !visited.has(node.definition)) {
      visited.add(node.definition);
      stack.push({ graph: node.definition, at: 0 });
    } else {
      top.at += 1;
      const alias = aliasOf(node);
      if (alias !== undefined && !aliases.has(alias)) aliases.set(alias, node);
      if (!titles.has(node.title)) titles.set(node.title, node);
    }
  }
  return { aliases, titles };
}

/** Every node is known by its class unless the file gives it another name; save nodes have no name of their own. */
function aliasOf({ raw, kind }: EditorNode): string | undefined {
  const given = textOf(own(raw.properties, 'Node name for S&R'));
  return given ?? (kind === 'class' && !isFileNameNode(raw.type) ? raw.type : undefined);
}

function findValue(node: EditorNode, name: string): JsonValue | undefined {
  const widget = node.widgets.find((candidate) => candidate.name === name);
  if (widget !== undefined) return widget.value;
  return node.host.get(node.inputs.findIndex((input) => input.name === name))?.value;
}

function shown(value: JsonValue): string {
  if (value === null) return '';
  return value instanceof LosslessNumber ? String(value.valueOf()) : String(value);
}

function formatDate(format: string, date: Date): string {
  const parts: Readonly<Record<string, number>> = {
    d: date.getDate(),
    M: date.getMonth() + 1,
    h: date.getHours(),
    m: date.getMinutes(),
    s: date.getSeconds(),
  };
  const year = String(date.getFullYear());
  return format.replace(/dd?|MM?|hh?|mm?|ss?|yyy?y?/g, (part) => {
    if (part === 'yyyy') return year;
    if (part === 'yy') return year.slice(2);
    const number = parts[part.charAt(0)];
    return number === undefined ? part : String(number).padStart(part.length, '0');
  });
}
