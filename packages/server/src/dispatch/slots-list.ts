// Lists of instances, each in at most one: added at the end, taken from anywhere, without a walk. Kept by pool-index.ts.
import type { Slots } from './slots.ts';

export interface SlotsList {
  first: Slots | undefined;
  last: Slots | undefined;
}

/** Where an instance stands in its list. */
export interface Link {
  list: SlotsList | undefined;
  before: Slots | undefined;
  after: Slots | undefined;
}

export function append(list: SlotsList, slots: Slots): void {
  const { link } = slots;
  link.list = list;
  link.before = list.last;
  if (list.last) list.last.link.after = slots;
  else list.first = slots;
  list.last = slots;
}

export function unlink({ link }: Slots): void {
  const { list, before, after } = link;
  if (list === undefined) return;
  if (before) before.link.after = after;
  else list.first = after;
  if (after) after.link.before = before;
  else list.last = before;
  link.list = undefined;
  link.before = undefined;
  link.after = undefined;
}

export function* listed(list: SlotsList): IterableIterator<Slots> {
  for (let slots = list.first; slots !== undefined; slots = slots.link.after) yield slots;
}
