// Group nodes (`workflow>name`), the forerunners of subgraphs: each is replaced by the nodes it stands for, with the
// values that it shows. Called by convert.ts before the model is built.

import { isJsonObject, type JsonObject } from '../json.ts';
import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { type GroupLayout, layOutGroup } from './group-layout.ts';
import { listOf, objectOf, own, slotIndexOf } from './raw-values.ts';
import { type RawFile, type RawLink, type RawNode, readNodes } from './read-file.ts';
import { type Report, warn } from './report.ts';

/** One definition may stand in very many places. */
const MAX_COST = 2_000_000;
const COST_OF_NODE = 200;
const GROUP = /^workflow[>/](.+)$/s;

interface Unpacking {
  readonly info: ObjectInfo;
  readonly report: Report;
  /** Rows by the input that they end at. */
  readonly links: Map<string, RawLink>;
}

export function unpackGroupNodes(file: RawFile, info: ObjectInfo, report: Report): RawFile {
  const { root } = file;
  const groups = objectOf(own(root.extra, 'groupNodes'));
  if (Object.keys(groups).length === 0) return file;
  const links = new Map(root.links.map((link) => [keyOf(link.targetId, link.targetSlot), link]));
  let cost = 0;
  const nodes = root.nodes.flatMap((node) => {
    const definition = own(groups, GROUP.exec(node.type)?.[1] ?? '');
    if (!isJsonObject(definition) || findNodeInfo(info, node.type) !== undefined) return [node];
    const size = listOf(own(definition, 'nodes')).length + listOf(own(definition, 'links')).length;
    cost += links.size + size * COST_OF_NODE;
    // Beyond that the group node stays, and is refused as unknown.
    return (cost > MAX_COST ? undefined : unpack(node, definition, { info, report, links })) ?? [node];
  });
  return { ...file, root: { ...root, nodes, links: [...links.values()] } };
}

function keyOf(targetId: string, targetSlot: number): string {
  return `${targetSlot}:${targetId}`;
}

/** Undefined when a class inside is not known; the node is refused as unknown then. */
function unpack(group: RawNode, definition: JsonObject, at: Unpacking): RawNode[] | undefined {
  const numbered = listOf(own(definition, 'nodes')).map((node, index) => ({ ...objectOf(node), id: index }));
  const inner = readNodes(numbered, group.place, at.report);
  const layout = layOutGroup({ group, definition, nodes: inner }, at.info);
  if (layout === undefined) return undefined;
  if (group.mode === 2 || group.mode === 4) {
    const msg = `Node ${group.id} is a group node: that it is ${group.mode === 2 ? 'muted' : 'bypassed'} is lost, as in ComfyUI's own export.`;
    warn(at.report, group.place, 'group_node_mode', msg);
  }
  reconnect(group, definition, { ...at, layout });
  return inner.map((node, index) => ({
    ...node,
    id: innerId(group, index),
    place: group.place,
    inputs: node.inputs?.map((slot) => ({ ...slot, link: undefined })),
    overlay: layout.values[index],
  }));
}

function innerId(group: RawNode, index: number): string {
  return `${group.id}:${index}`;
}

function reconnect(group: RawNode, definition: JsonObject, at: Unpacking & { layout: GroupLayout }) {
  for (const { slot, index, target } of at.layout.inputs) {
    const link = at.links.get(keyOf(group.id, slot));
    if (link !== undefined) addLink(at.links, { ...link, targetId: innerId(group, index), targetSlot: target });
  }
  for (const [key, link] of at.links) {
    if (link.targetId === group.id) at.links.delete(key);
    const source = link.originId === group.id ? at.layout.outputs[link.originSlot] : undefined;
    if (source === undefined) continue;
    at.links.set(key, { ...link, originId: innerId(group, source.index), originSlot: source.slot });
  }
  for (const row of listOf(own(definition, 'links'))) {
    const [from, originSlot, to, targetSlot] = listOf(row).map(slotIndexOf);
    if (from === undefined || originSlot === undefined || to === undefined || targetSlot === undefined) continue;
    addLink(at.links, {
      id: `${group.id}:${from}.${originSlot}.${to}.${targetSlot}`,
      originId: innerId(group, from),
      originSlot,
      targetId: innerId(group, to),
      targetSlot,
      place: group.place,
    });
  }
}

function addLink(links: Map<string, RawLink>, link: RawLink) {
  links.set(keyOf(link.targetId, link.targetSlot), link);
}
