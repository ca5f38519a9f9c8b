// Makes real the links of the "Use Everywhere" extension: its nodes send what they are given to every unconnected input
// of the same type. Called by convert.ts once the model stands.

import {
  type BroadcastRules,
  fits,
  isBroadcaster,
  makeRule,
  type NameRule,
  readRules,
  sendsOutputs,
  takesBroadcasts,
  type Work,
} from './broadcast-rules.ts';
import { describeNode, type EditorGraph, type EditorNode, type Slot } from './graph-model.ts';
import { groupMembers, listGroups, type NodeGroup } from './node-groups.ts';
import { objectOf, own, textOf } from './raw-values.ts';
import { INPUT_NODE, OUTPUT_NODE } from './read-file.ts';
import { type Report, refuse, warn } from './report.ts';

interface Broadcast {
  readonly node: EditorNode;
  readonly rules: BroadcastRules;
  readonly type: string;
  readonly originId: string;
  readonly originSlot: number;
  readonly priority: number;
  /** The ids that it may go to; undefined: all. */
  readonly within: ReadonlySet<string> | undefined;
  /** The name that an input must match, of a node that sends one type twice. */
  readonly name: string | undefined;
  /** The name as a pattern, where that is how it must match. */
  readonly nameRule: NameRule | undefined;
}

/** A tenth of a second's worth. */
const MAX_STEPS = 20_000_000;

export function linkBroadcasts(graphs: readonly EditorGraph[], report: Report) {
  const work: Work = { left: MAX_STEPS };
  for (const graph of graphs) {
    const senders = graph.nodes.filter((node) => (isBroadcaster(node) || sendsOutputs(node)) && !isOff(node));
    if (senders.length === 0) continue;
    if (!isAffordable(graph, senders, report)) return;
    const groups = listGroups(graph);
    const broadcasts = senders.flatMap((sender) => listBroadcasts(graph, sender, { groups, work }));
    linkInputs(graph, broadcasts, report);
    linkOutputs(graph, broadcasts);
    if (work.left >= 0) continue;
    const msg = 'The patterns of the "Use Everywhere" nodes take too long to match: make them simpler or fewer.';
    return refuse(report, [...graph.raw.place, 'nodes'], 'too_many_broadcasts', msg);
  }
}

const MAX_TESTS = 300_000;

function isAffordable(graph: EditorGraph, senders: readonly EditorNode[], report: Report): boolean {
  const inputs = graph.nodes.reduce((sum, node) => sum + 1 + node.inputs.length, graph.outputs.length);
  const broadcasts = senders.reduce((sum, node) => sum + node.inputs.length + node.outputs.length, 0);
  if (inputs * broadcasts <= MAX_TESTS) return true;
  const msg = `There are up to ${broadcasts} broadcasts of "Use Everywhere" nodes for ${inputs} inputs: too many to match.`;
  refuse(report, [...graph.raw.place, 'nodes'], 'too_many_broadcasts', msg);
  return false;
}

function isOff({ raw }: EditorNode): boolean {
  return raw.mode === 2 || raw.mode === 4;
}

interface Sent {
  readonly name: string;
  readonly type: string;
  readonly originId: string;
  readonly originSlot: number;
}

function listBroadcasts(
  graph: EditorGraph,
  node: EditorNode,
  { groups, work }: { groups: readonly NodeGroup[]; work: Work },
): Broadcast[] {
  const rules = readRules(node, work);
  const sent = listSent(graph, node, rules);
  const counts = new Map<string, number>();
  for (const { type } of sent) counts.set(type, (counts.get(type) ?? 0) + 1);
  const hasRepeats = [...counts.values()].some((count) => count > 1);
  const priority = rules.priority ?? defaultPriority(node, rules, hasRepeats);
  const within = restrict(graph, node, { rules, groups });
  return sent.map(({ name, ...source }) => {
    const isNamed = !rules.sendsSeeds && ((counts.get(source.type) ?? 0) > 1 || rules.isForUnrepeated);
    const nameRule = isNamed && rules.repeatedRule === 4 ? makeRule(name, { isInverted: false, work }) : undefined;
    return { node, rules, ...source, priority, within, name: isNamed ? name : undefined, nameRule };
  });
}

function listSent(graph: EditorGraph, node: EditorNode, rules: BroadcastRules): Sent[] {
  if (rules.sendsSeeds) return [{ name: '', type: 'INT', originId: node.id, originSlot: 0 }];
  return sendsOutputs(node) ? listSentOutputs(node) : listSentInputs(graph, node);
}

function listSentOutputs(node: EditorNode): Sent[] {
  const quiet = objectOf(own(objectOf(own(node.raw.properties, 'ue_properties')), 'output_not_broadcasting'));
  return node.outputs.flatMap((type, slot) => {
    const { name = type, label } = node.raw.outputs?.[slot] ?? {};
    return own(quiet, name) ? [] : [{ name: label || name, type, originId: node.id, originSlot: slot }];
  });
}

/** What is linked into the node, past bypassed nodes; a source that is muted sends nothing. */
function listSentInputs(graph: EditorGraph, node: EditorNode): Sent[] {
  return node.inputs.flatMap((input, slot) => {
    const source = findSource(graph, node, slot);
    return source === undefined ? [] : [{ ...source, name: sentName(node, input, slot) }];
  });
}

function sentName(node: EditorNode, input: Slot, slot: number): string {
  if (node.raw.type === 'Prompts Everywhere') return slot === 0 ? 'positive' : 'negative';
  return input.label || input.name;
}

function findSource(graph: EditorGraph, node: EditorNode, slot: number): Omit<Sent, 'name'> | undefined {
  const visited = new Set<EditorNode>();
  for (let link = node.incoming.get(slot); link !== undefined; ) {
    const { originId, originSlot } = link;
    const origin = graph.byId.get(originId);
    const type = originId === INPUT_NODE ? graph.inputs[originSlot]?.type : origin?.outputs[originSlot];
    if (type === undefined || origin?.raw.mode === 2) return undefined;
    if (origin?.raw.mode !== 4) return { type, originId, originSlot };
    if (visited.has(origin)) return undefined;
    visited.add(origin);
    link = origin.incoming.get(passedInput(origin, originSlot, type));
  }
  return undefined;
}

/** The input that a bypassed node passes on: of the same position, else the first of the type. */
function passedInput({ inputs }: EditorNode, slot: number, type: string): number {
  return inputs[slot]?.type === type ? slot : inputs.findIndex((input) => input.type === type);
}

function defaultPriority({ raw }: EditorNode, rules: BroadcastRules, hasRepeats: boolean): number {
  const isRestricted = (rules.title ?? rules.input ?? rules.group) !== undefined || hasRepeats;
  return (
    10 +
    (raw.type === 'Prompts Everywhere' ? 10 : 0) +
    (isRestricted ? 20 : 0) +
    (rules.groups > 0 ? 3 : 0) +
    (rules.colours > 0 ? 6 : 0)
  );
}

function restrict(
  graph: EditorGraph,
  node: EditorNode,
  { rules, groups }: { rules: BroadcastRules; groups: readonly NodeGroup[] },
): ReadonlySet<string> | undefined {
  const tests: ((other: EditorNode) => boolean)[] = [];
  if (rules.groups > 0) {
    const own = groupMembers(groups.filter(({ members }) => members.has(node.id)));
    tests.push(({ id }) => own.has(id) === (rules.groups === 1));
  }
  if (rules.colours > 0) {
    const colour = colourOf(node);
    tests.push((other) => (colourOf(other) === colour) === (rules.colours === 1));
  }
  if (rules.group !== undefined) {
    const named = groupMembers(groups.filter(({ title }) => fits(rules.group, title)));
    tests.push(({ id }) => named.has(id));
  }
  if (tests.length === 0) return undefined;
  return new Set(graph.nodes.filter((other) => tests.every((test) => test(other))).map(({ id }) => id));
}

function colourOf({ raw }: EditorNode): string | undefined {
  return textOf(own(raw.json, 'color'));
}

function linkInputs(graph: EditorGraph, all: readonly Broadcast[], report: Report) {
  for (const node of graph.nodes) {
    if (isBroadcaster(node) || node.kind === 'virtual' || node.kind === 'primitive') continue;
    for (const [slot, input] of node.inputs.entries()) {
      if (node.incoming.has(slot) || !takesBroadcasts(node, input)) continue;
      const broadcast = findBest({ all, node, input, report });
      if (broadcast === undefined) continue;
      const { originId, originSlot } = broadcast;
      const place = broadcast.node.raw.place;
      node.incoming.set(slot, {
        id: `${originId}.${originSlot}>${node.id}.${slot}`,
        originId,
        originSlot,
        targetId: node.id,
        targetSlot: slot,
        place,
      });
    }
  }
}

/** A subgraph's own outputs take what is sent inside it. */
function linkOutputs(graph: EditorGraph, all: readonly Broadcast[]) {
  for (const [slot, { name, type }] of graph.outputs.entries()) {
    if (graph.toOutput.has(slot)) continue;
    const [best, next] = sortMatches(
      all.filter(
        (broadcast) =>
          broadcast.type === type && matchesName(broadcast, { name, title: '' }) && broadcast.within === undefined,
      ),
    );
    if (best === undefined || best.priority === next?.priority) continue;
    const { originId, originSlot } = best;
    graph.toOutput.set(slot, {
      id: `>${slot}`,
      originId,
      originSlot,
      targetId: OUTPUT_NODE,
      targetSlot: slot,
      place: best.node.raw.place,
    });
  }
}

function sortMatches(matches: Broadcast[]): Broadcast[] {
  return matches.sort((a, b) => b.priority - a.priority);
}

interface Wanted {
  readonly all: readonly Broadcast[];
  readonly node: EditorNode;
  readonly input: Slot;
  readonly report: Report;
}

function findBest({ all, node, input, report }: Wanted): Broadcast | undefined {
  const [best, next] = sortMatches(all.filter((broadcast) => matches(broadcast, node, input)));
  if (best === undefined || best.priority !== next?.priority) return best;
  const msg = `"${input.name}" of ${describeNode(node)} is not connected: several "Use Everywhere" nodes of the same priority send to it (${describeNode(best.node)}, ${describeNode(next.node)}).`;
  warn(report, node.raw.place, 'ambiguous_broadcast', msg);
  return undefined;
}

function matches(broadcast: Broadcast, node: EditorNode, input: Slot): boolean {
  const { rules, within } = broadcast;
  if (broadcast.originId === node.id || (within !== undefined && !within.has(node.id))) return false;
  const isType =
    broadcast.type === input.type ||
    (broadcast.type === 'STRING' && input.type === 'COMBO' && rules.textToCombo) ||
    (input.type === '*' && rules.toAny);
  const name = input.label || input.name;
  return (
    isType &&
    fits(rules.title, node.title) &&
    fits(rules.input, name) &&
    matchesName(broadcast, { name, title: node.title })
  );
}

function matchesName({ name, nameRule, rules }: Broadcast, target: { name: string; title: string }): boolean {
  if (name === undefined) return true;
  const length = Math.min(name.length, target.name.length);
  switch (rules.repeatedRule) {
    case 1:
      return name.slice(0, length) === target.name.slice(0, length);
    case 2:
      return name.slice(name.length - length) === target.name.slice(target.name.length - length);
    case 3:
      return target.title === name;
    case 4:
      return fits(nameRule, target.name);
    default:
      return target.name === name;
  }
}
