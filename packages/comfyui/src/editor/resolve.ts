// Where an input's value comes from: follows a link through reroutes, bypassed nodes and the borders of subgraphs to a
// node that runs, to a promoted value, or to nothing. Called by emit.ts.

import type { JsonValue } from '../json.ts';
import { bypassSlot } from './bypass.ts';
import type { EditorGraph, EditorNode } from './graph-model.ts';
import { INPUT_NODE, type RawLink } from './read-file.ts';

/** One expansion of a graph: the root, or a definition at one of its instances. */
export interface Scope {
  readonly graph: EditorGraph;
  /** "5:12:" */
  readonly prefix: string;
  readonly outer: { readonly scope: Scope; readonly instance: EditorNode } | undefined;
  readonly inner: Map<EditorNode, Scope>;
  readonly resolved: Map<EditorNode, Map<string, Source>>;
}

export type Source =
  | { readonly kind: 'node'; readonly id: string; readonly slot: number }
  | { readonly kind: 'value'; readonly value: JsonValue }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'loop' }
  | { readonly kind: 'nowhere'; readonly link: RawLink };

interface Step {
  readonly at: 'input' | 'output';
  readonly scope: Scope;
  readonly node: EditorNode;
  readonly slot: number;
  /** Of the input in the end; an input step that has none takes its own. */
  readonly type: string | undefined;
}

const NOTHING: Source = { kind: 'nothing' };

export function createScope(graph: EditorGraph, outer?: Scope['outer']): Scope {
  const prefix = outer === undefined ? '' : `${outer.scope.prefix}${outer.instance.id}:`;
  return { graph, prefix, outer, inner: new Map(), resolved: new Map() };
}

export function innerScope(scope: Scope, instance: EditorNode, definition: EditorGraph): Scope {
  const known = scope.inner.get(instance);
  if (known !== undefined) return known;
  const made = createScope(definition, { scope, instance });
  scope.inner.set(instance, made);
  return made;
}

/** Every step's answer is kept, so that a chain of thousands with consumers all along costs one walk. */
export function resolveInput(scope: Scope, node: EditorNode, slot: number): Source {
  const walked: Map<string, Source>[] = [];
  const keys: string[] = [];
  const open = new Map<Map<string, Source>, Set<string>>();
  let source: Source | undefined;
  let step: Step = { at: 'input', scope, node, slot, type: undefined };
  while (source === undefined) {
    const answers = answersOf(step);
    const key = `${step.at} ${step.slot} ${step.type ?? ''}`;
    const seen = open.get(answers);
    source = answers.get(key) ?? (seen?.has(key) === true ? { kind: 'loop' } : undefined);
    if (source !== undefined) break;
    if (seen === undefined) open.set(answers, new Set([key]));
    else seen.add(key);
    walked.push(answers);
    keys.push(key);
    const next = step.at === 'input' ? followInput(step) : followOutput(step);
    if ('kind' in next) source = next;
    else step = next;
  }
  for (const [index, answers] of walked.entries()) answers.set(keys[index] ?? '', source);
  return source;
}

function answersOf({ scope, node }: Step): Map<string, Source> {
  const known = scope.resolved.get(node);
  if (known !== undefined) return known;
  const made = new Map<string, Source>();
  scope.resolved.set(node, made);
  return made;
}

function followInput({ scope, node, slot, type }: Step): Source | Step {
  const link = node.incoming.get(slot);
  if (link === undefined) return NOTHING;
  if (scope.outer !== undefined && link.originId === INPUT_NODE) {
    const { scope: outerScope, instance } = scope.outer;
    if (instance.incoming.has(link.originSlot)) {
      return { at: 'input', scope: outerScope, node: instance, slot: link.originSlot, type: undefined };
    }
    const host = instance.host.get(link.originSlot);
    return host === undefined ? NOTHING : { kind: 'value', value: host.value };
  }
  const origin = scope.graph.byId.get(link.originId);
  if (origin === undefined) return { kind: 'nowhere', link };
  const ownType = node.inputs[slot]?.type ?? '*';
  return { at: 'output', scope, node: origin, slot: link.originSlot, type: type ?? ownType };
}

function followOutput({ scope, node, slot, type = '*' }: Step): Source | Step {
  const { mode } = node.raw;
  if (mode === 2) return NOTHING;
  if (mode === 4) {
    const input = bypassSlot(node, slot, type);
    return input === undefined ? NOTHING : { at: 'input', scope, node, slot: input, type: undefined };
  }
  if (node.definition !== undefined) return followInside(node.definition, { scope, node, slot, type });
  switch (node.kind) {
    case 'reroute':
      return { at: 'input', scope, node, slot, type };
    case 'primitive':
    case 'virtual':
      return NOTHING;
    default:
      return { kind: 'node', id: `${scope.prefix}${node.id}`, slot };
  }
}

function followInside(definition: EditorGraph, at: Omit<Step, 'at'>): Source | Step {
  const link = definition.toOutput.get(at.slot);
  if (link === undefined) return NOTHING;
  if (link.originId === INPUT_NODE) return { ...at, at: 'input', slot: link.originSlot };
  const origin = definition.byId.get(link.originId);
  if (origin === undefined) return { kind: 'nowhere', link };
  const scope = innerScope(at.scope, at.node, definition);
  return { at: 'output', scope, node: origin, slot: link.originSlot, type: at.type };
}
