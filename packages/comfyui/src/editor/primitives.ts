// PrimitiveNodes exist in the editor only: each writes its value into the widgets that it is linked to. Called by
// convert.ts once the model stands.

import { type JsonValue, LosslessNumber } from '../json.ts';
import { describeNode, type EditorGraph, type EditorNode, listOutgoing, widgetNamed } from './graph-model.ts';
import { listOf, numberOf, own } from './raw-values.ts';
import type { RawLink } from './read-file.ts';
import { type Report, warn } from './report.ts';
import type { Widget } from './widget-values.ts';

interface Deps {
  readonly report: Report;
  /** Fills in `%Node.widget%`, for the PrimitiveNodes that ask for it. */
  readonly fillIn: (text: string) => string;
}

export function applyPrimitives(graphs: readonly EditorGraph[], deps: Deps) {
  for (const graph of graphs) {
    const primitives = graph.nodes.filter(({ kind }) => kind === 'primitive');
    if (primitives.length === 0) continue;
    const outgoing = listOutgoing(graph);
    for (const primitive of primitives) {
      const links = (outgoing.get(primitive.id) ?? []).filter(({ originSlot }) => originSlot === 0);
      applyPrimitive(primitive, targetsOf(graph, links), deps);
    }
  }
}

interface Target {
  readonly node: EditorNode;
  readonly widget: Widget | undefined;
  readonly isPromoted: boolean;
  readonly type: string;
}

function targetsOf(graph: EditorGraph, links: readonly RawLink[]): Target[] {
  return links.flatMap(({ targetId, targetSlot }) => {
    const node = graph.byId.get(targetId);
    const input = node?.inputs[targetSlot];
    if (node === undefined || input === undefined) return [];
    return [{ node, widget: widgetNamed(node, input.widget), isPromoted: node.host.has(targetSlot), type: input.type }];
  });
}

function applyPrimitive(primitive: EditorNode, targets: readonly Target[], { report, fillIn }: Deps) {
  const first = targets[0]?.widget;
  const stored = listOf(primitive.raw.values)[0];
  // A value of another type than the widget's is not taken over.
  if (stored === undefined || primitive.outputs[0] !== targets[0]?.type) return;
  let value: JsonValue = stored ?? first?.spec.firstChoice ?? null;
  value = clamp(value, targets);
  if (typeof value === 'string' && own(primitive.raw.properties, 'Run widget replace on values') === true) {
    value = fillIn(value);
  }
  for (const { node, widget, isPromoted } of targets) {
    if (widget !== undefined) widget.value = value;
    if (!isPromoted) continue;
    const msg = `The value of ${describeNode(primitive)} does not reach the promoted widgets of ${describeNode(node)}, as in ComfyUI's own export. Link a PrimitiveInt, PrimitiveFloat or PrimitiveString node instead.`;
    warn(report, primitive.raw.place, 'primitive_into_subgraph', msg);
  }
}

/** Linked to widgets of different ranges, a PrimitiveNode keeps to what all of them take. */
function clamp(value: JsonValue, targets: readonly Target[]): JsonValue {
  const specs = targets.flatMap(({ widget }) => widget?.spec ?? []);
  const number = numberOf(value);
  if (specs.length < 2 || number === undefined || value instanceof LosslessNumber) return value;
  const lows = specs.flatMap(({ min }) => numberOf(min) ?? []);
  const highs = specs.flatMap(({ max }) => numberOf(max) ?? []);
  if (new Set(lows).size < 2 && new Set(highs).size < 2) return value;
  return Math.min(Math.max(number, ...lows), ...highs);
}
