// Reads an editor file into plain records, whatever version wrote it: links as lists (0.4) or objects (1), fields that
// are missing or of a wrong type. Called by convert.ts; nothing here knows node classes.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { idOf, listOf, numberOf, objectOf, own, slotIndexOf, slotTypeOf, textOf } from './raw-values.ts';
import { type Place, type Report, refuse } from './report.ts';

export interface RawSlot {
  readonly name: string;
  readonly label: string | undefined;
  readonly type: string;
  /** The id of the link that the slot names. */
  readonly link: string | undefined;
  /** The name of the widget that the slot belongs to. */
  readonly widget: string | undefined;
}

export interface RawNode {
  readonly id: string;
  readonly place: Place;
  readonly type: string;
  readonly title: string | undefined;
  /** 2: muted, 4: bypassed, anything else runs. */
  readonly mode: number;
  readonly inputs: readonly RawSlot[] | undefined;
  readonly outputs: readonly RawSlot[] | undefined;
  readonly values: JsonValue | undefined;
  /** Values that lie over the positional ones, by widget name. */
  readonly overlay: ReadonlyMap<string, JsonValue> | undefined;
  readonly properties: JsonObject;
  readonly json: JsonObject;
}

export interface RawLink {
  readonly id: string;
  readonly originId: string;
  readonly originSlot: number;
  readonly targetId: string;
  readonly targetSlot: number;
  readonly place: Place;
}

export interface RawBoundary {
  readonly name: string;
  readonly label: string | undefined;
  readonly type: string;
  readonly linkIds: readonly string[];
}

export interface RawGraph {
  readonly id: string;
  readonly name: string;
  readonly place: Place;
  readonly nodes: RawNode[];
  readonly links: RawLink[];
  readonly inputs: readonly RawBoundary[];
  readonly outputs: readonly RawBoundary[];
  readonly extra: JsonObject;
  readonly groups: readonly JsonValue[];
}

export interface RawFile {
  readonly root: RawGraph;
  readonly definitions: ReadonlyMap<string, RawGraph>;
}

/** The boundary's two ends, as links name them. */
export const INPUT_NODE = '-10';
export const OUTPUT_NODE = '-20';

export function readFile(file: JsonObject, report: Report): RawFile {
  const root = readGraph(file, { id: '', place: [] }, report);
  const definitions = new Map<string, RawGraph>();
  const listed = own(objectOf(own(file, 'definitions')), 'subgraphs');
  for (const [index, entry] of listOf(listed).entries()) {
    const place = ['definitions', 'subgraphs', index];
    const id = isJsonObject(entry) ? textOf(own(entry, 'id')) : undefined;
    if (!isJsonObject(entry) || id === undefined) {
      refuse(report, place, 'invalid_subgraph', 'A subgraph definition must be an object with an "id".');
    } else if (!definitions.has(id)) definitions.set(id, readGraph(entry, { id, place }, report));
  }
  return { root, definitions };
}

function readGraph(json: JsonObject, { id, place }: { id: string; place: Place }, report: Report): RawGraph {
  return {
    id,
    name: textOf(own(json, 'name')) ?? id,
    place,
    nodes: readNodes(listOf(own(json, 'nodes')), [...place, 'nodes'], report),
    links: readLinks(json, place),
    inputs: listOf(own(json, 'inputs')).map(readBoundary),
    outputs: listOf(own(json, 'outputs')).map(readBoundary),
    extra: objectOf(own(json, 'extra')),
    groups: listOf(own(json, 'groups')),
  };
}

export function readNodes(list: readonly JsonValue[], place: Place, report: Report): RawNode[] {
  const nodes: RawNode[] = [];
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  for (const [index, entry] of list.entries()) {
    const node = readNode(entry, [...place, index], report);
    if (node === undefined) continue;
    nodes.push(taken.has(node.id) ? { ...node, id: freshId(node.id, { taken, counts }) } : node);
    taken.add(nodes.at(-1)?.id ?? '');
  }
  return nodes;
}

/** The editor keeps the first node of an id and numbers the later ones anew. */
function freshId(id: string, { taken, counts }: { taken: ReadonlySet<string>; counts: Map<string, number> }): string {
  // From where the last search for this id ended: a file may have taken very many of the names that would be tried.
  let count = Math.max(taken.size, counts.get(id) ?? 0) + 1;
  while (taken.has(`${id}_${count}`)) count += 1;
  counts.set(id, count);
  return `${id}_${count}`;
}

/** Messages and compound ids repeat it. */
const MAX_ID = 200;

function readNode(json: JsonValue, place: Place, report: Report): RawNode | undefined {
  const id = isJsonObject(json) ? idOf(own(json, 'id')) : undefined;
  if (!isJsonObject(json) || id === undefined) {
    refuse(report, place, 'invalid_node', 'A node must be an object with an "id" (a number or a string).');
    return undefined;
  }
  if (id.length > MAX_ID) {
    refuse(
      report,
      [...place, 'id'],
      'invalid_node',
      `The id of a node has ${id.length} characters; ${MAX_ID} are enough.`,
    );
    return undefined;
  }
  const type = textOf(own(json, 'type'));
  if (type === undefined) {
    refuse(report, [...place, 'type'], 'invalid_node', `Node ${id} has no "type": the name of its class.`);
    return undefined;
  }
  return {
    id,
    place,
    type,
    title: textOf(own(json, 'title')),
    mode: numberOf(own(json, 'mode')) ?? 0,
    inputs: readSlots(own(json, 'inputs')),
    outputs: readSlots(own(json, 'outputs')),
    values: own(json, 'widgets_values'),
    overlay: undefined,
    properties: objectOf(own(json, 'properties')),
    json,
  };
}

function readSlots(json: JsonValue | undefined): RawSlot[] | undefined {
  return Array.isArray(json) ? json.map(readSlot) : undefined;
}

function readSlot(json: JsonValue): RawSlot {
  const slot = objectOf(json);
  return {
    name: textOf(own(slot, 'name')) ?? '',
    label: textOf(own(slot, 'label')),
    type: slotTypeOf(own(slot, 'type')),
    link: idOf(own(slot, 'link')),
    widget: textOf(own(objectOf(own(slot, 'widget')), 'name')),
  };
}

function readBoundary(json: JsonValue): RawBoundary {
  const { name, label, type } = readSlot(json);
  const linkIds = listOf(own(objectOf(json), 'linkIds')).flatMap((id) => idOf(id) ?? []);
  return { name, label, type, linkIds };
}

function readLinks(json: JsonObject, place: Place): RawLink[] {
  const links: RawLink[] = [];
  const taken = new Set<string>();
  for (const [index, entry] of listOf(own(json, 'links')).entries()) {
    const link = readLink(entry, [...place, 'links', index]);
    // The editor ignores a second row of the same id.
    if (link === undefined || taken.has(link.id)) continue;
    taken.add(link.id);
    links.push(link);
  }
  return links;
}

function readLink(json: JsonValue, place: Place): RawLink | undefined {
  const row = Array.isArray(json) ? json.slice(0, 5) : LINK_FIELDS.map((field) => own(objectOf(json), field));
  const [id, originId, , targetId] = row.map(idOf);
  const originSlot = slotIndexOf(row[2]);
  const targetSlot = slotIndexOf(row[4]);
  if (id === undefined || originId === undefined || targetId === undefined) return undefined;
  if (originSlot === undefined || targetSlot === undefined) return undefined;
  return { id, originId, originSlot, targetId, targetSlot, place };
}

const LINK_FIELDS = ['id', 'origin_id', 'origin_slot', 'target_id', 'target_slot'];
