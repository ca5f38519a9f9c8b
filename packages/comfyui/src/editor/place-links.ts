// Which link ends at which input: rows that compete for one input, rows that a slot does not name, slots whose position
// changed since the file was saved. Called by build-graphs.ts.

import type { EditorNode } from './graph-model.ts';
import { OUTPUT_NODE, type RawGraph, type RawLink } from './read-file.ts';

/** At most one row for each input: the first, or the first one that a slot names. Table order is kept. */
export function dropCompetitors(raw: RawGraph): RawLink[] {
  const named = new Set<string>();
  for (const node of raw.nodes) for (const { link } of node.inputs ?? []) if (link !== undefined) named.add(link);
  const kept = new Map<string, RawLink>();
  for (const link of raw.links) {
    const key = `${link.targetSlot}:${link.targetId}`;
    const rival = kept.get(key);
    if (rival === undefined || beats(link, rival, named)) kept.set(key, link);
  }
  return [...kept.values()];
}

function beats(link: RawLink, rival: RawLink, named: ReadonlySet<string>): boolean {
  const isSameSource = link.originId === rival.originId && link.originSlot === rival.originSlot;
  return !isSameSource && named.has(link.id) && !named.has(rival.id);
}

/** Ends each link at its node's input. Links to the definition's outputs are returned. */
export function attachLinks(links: readonly RawLink[], byId: ReadonlyMap<string, EditorNode>): Map<number, RawLink> {
  const toOutput = new Map<number, RawLink>();
  for (const link of links) {
    if (link.targetId === OUTPUT_NODE) toOutput.set(link.targetSlot, link);
    else byId.get(link.targetId)?.incoming.set(link.targetSlot, link);
  }
  for (const node of byId.values()) realign(node);
  return toOutput;
}

/**
 * A row's slot number counts the inputs as they were saved; the name of the slot that names the row tells which input
 * it is today. Links that would land on an input held by a link that no slot names stay where they are.
 */
function realign(node: EditorNode) {
  const { incoming, inputs } = node;
  const named = namesOfLinks(node);
  const slotOf = slotsByName(inputs);
  const moves = new Map<RawLink, number>();
  const lost: RawLink[] = [];
  for (const [link, names] of named) {
    const slots = names.flatMap((name) => slotOf.get(name) ?? []);
    const slot = slots.includes(link.targetSlot) ? link.targetSlot : slots[0];
    if (slot === undefined) lost.push(link);
    else if (slot !== link.targetSlot) moves.set(link, slot);
  }
  dropBlocked(moves, { incoming, lost });
  for (const link of moves.keys()) incoming.delete(link.targetSlot);
  for (const [link, slot] of moves) incoming.set(slot, link);
}

const MAX_PASSES = 100;

function dropBlocked(moves: Map<RawLink, number>, at: { incoming: Map<number, RawLink>; lost: readonly RawLink[] }) {
  const targets = new Map<number, RawLink>();
  for (let pass = 0, isSettled = false; !isSettled; pass += 1) {
    isSettled = true;
    // Only a file made to cost time needs more.
    if (pass === MAX_PASSES) moves.clear();
    targets.clear();
    for (const [link, slot] of moves) {
      const holder = at.incoming.get(slot);
      const isFree = holder === undefined || moves.has(holder) || at.lost.includes(holder);
      if (isFree && !targets.has(slot)) targets.set(slot, link);
      else {
        moves.delete(link);
        isSettled = false;
      }
    }
  }
}

function namesOfLinks({ raw, incoming }: EditorNode): Map<RawLink, string[]> {
  const byId = new Map([...incoming.values()].map((link) => [link.id, link]));
  const named = new Map<RawLink, string[]>();
  for (const slot of raw.inputs ?? []) {
    const link = slot.link === undefined ? undefined : byId.get(slot.link);
    if (link === undefined) continue;
    const names = named.get(link);
    if (names === undefined) named.set(link, [slot.name]);
    else names.push(slot.name);
  }
  return named;
}

function slotsByName(inputs: readonly { name: string }[]): Map<string, number[]> {
  const slots = new Map<string, number[]>();
  for (const [index, { name }] of inputs.entries()) {
    const known = slots.get(name);
    if (known === undefined) slots.set(name, [index]);
    else known.push(index);
  }
  return slots;
}

/** The slots that stay, and the incoming links renumbered to them. */
export function removeSlots(node: EditorNode, isGone: (slot: number) => boolean) {
  const kept = node.inputs.flatMap((_, slot) => (isGone(slot) ? [] : [slot]));
  if (kept.length === node.inputs.length) return;
  const before = new Map(node.incoming);
  node.incoming.clear();
  for (const [slot, old] of kept.entries()) {
    const link = before.get(old);
    if (link !== undefined) node.incoming.set(slot, link);
  }
  node.inputs = kept.flatMap((old) => node.inputs[old] ?? []);
}
