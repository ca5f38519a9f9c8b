// One pool: the deployments that wait for its instances, and the instances by how much they have to do. Kept true by
// pools.ts, so that loop.ts and accept.ts find who is next and where without a walk over all instances or all deployments.

import { ALL_LEVELS, LEVELS, levelOf } from './give-ahead.pure.ts';
import type { Lane } from './lane.ts';
import type { Slots } from './slots.ts';
import { append, listed, type SlotsList, unlink } from './slots-list.ts';

export interface PoolIndex {
  readonly key: string;
  /** Instances made from something else are outdated; undefined where they are not made for anybody. */
  fingerprint: string | undefined;
  /** Waiting deployments that may go to any instance of the pool. */
  readonly free: Map<string, Lane>;
  /** Waiting deployments that are on as many instances as they may be on: they only go on there. */
  readonly limited: Map<string, Lane>;
  /** Instances that take work, outdated ones too. */
  readonly ready: Set<Slots>;
  /** How many of them are current. */
  current: number;
  /** Those with room that may be given work, by how much they have to do. */
  readonly open: readonly SlotsList[];
  /** Those with more than one request. */
  readonly crowded: Set<Slots>;
  /** Instances that have changed, and limited deployments that wait, since loop.ts looked. */
  readonly changed: Set<Slots>;
  readonly opened: Set<Lane>;
  /** Requests whose lease is being written. */
  leasing: number;
  isLookedAtAgain: boolean;
}

export function createPoolIndex(key: string): PoolIndex {
  return {
    key,
    fingerprint: undefined,
    free: new Map(),
    limited: new Map(),
    ready: new Set(),
    current: 0,
    open: Array.from({ length: ALL_LEVELS }, () => ({ first: undefined, last: undefined })),
    crowded: new Set(),
    changed: new Set(),
    opened: new Set(),
    leasing: 0,
    isLookedAtAgain: false,
  };
}

export function hasWaiting({ free, limited }: PoolIndex): boolean {
  return free.size + limited.size > 0;
}

export function isEmpty(index: PoolIndex): boolean {
  return index.ready.size === 0 && index.leasing === 0 && !hasWaiting(index);
}

function isCurrent({ fingerprint }: PoolIndex, { instance }: Slots): boolean {
  return fingerprint === undefined || instance.spec?.fingerprint === fingerprint;
}

/** Outdated instances are given work only while no current one is ready. */
export function takesWork(index: PoolIndex, slots: Slots): boolean {
  return index.ready.has(slots) && (index.current === 0 || isCurrent(index, slots));
}

/** What the instance has to do has changed. */
export function sort(index: PoolIndex, slots: Slots): void {
  const level = takesWork(index, slots) ? levelOf(slots) : undefined;
  const list = level === undefined ? undefined : index.open[level];
  if (slots.link.list !== list) {
    unlink(slots);
    if (list) append(list, slots);
  }
  if (level === undefined) index.changed.delete(slots);
  else index.changed.add(slots);
  if (slots.pending > 1 && index.ready.has(slots)) index.crowded.add(slots);
  else index.crowded.delete(slots);
}

export function join(index: PoolIndex, slots: Slots): void {
  if (index.ready.has(slots)) return;
  index.ready.add(slots);
  if (isCurrent(index, slots)) index.current += 1;
  // The first current one takes the place of those that are not.
  if (index.current === 1) sortAll(index);
  else sort(index, slots);
}

export function quit(index: PoolIndex, slots: Slots): void {
  if (!index.ready.delete(slots)) return;
  index.changed.delete(slots);
  index.crowded.delete(slots);
  unlink(slots);
  if (!isCurrent(index, slots)) return;
  index.current -= 1;
  if (index.current === 0) sortAll(index);
}

/** The pool's instances are to be made from something else from now on. */
export function setFingerprint(index: PoolIndex, fingerprint: string | undefined): void {
  if (index.fingerprint === fingerprint) return;
  index.fingerprint = fingerprint;
  index.current = 0;
  for (const slots of index.ready) if (isCurrent(index, slots)) index.current += 1;
  sortAll(index);
}

function sortAll(index: PoolIndex): void {
  for (const slots of index.ready) sort(index, slots);
}

/** The one to be given to next: work spreads before it piles up, and of the idle ones the one used last is warmest. */
export function leastBusy({ open }: PoolIndex): Slots | undefined {
  if (open[0]?.last) return open[0].last;
  for (let level = 1; level < LEVELS; level += 1) if (open[level]?.first) return open[level]?.first;
  return undefined;
}

/** Those that run something and may be given more, the one with the least to do first. */
export function* listBusy({ open }: PoolIndex): IterableIterator<Slots> {
  for (const list of open.slice(1, LEVELS)) yield* listed(list);
}

/** Of those with any place left, the one with the least to do; only where the deployment is already, if that is asked for. */
export function findPlace(index: PoolIndex, onlyWith: string | undefined): Slots | undefined {
  for (const [level, list] of index.open.entries()) {
    if (onlyWith === undefined) {
      const slots = level === 0 ? list.last : list.first;
      if (slots) return slots;
      continue;
    }
    for (const slots of listed(list)) if (slots.deployments.has(onlyWith)) return slots;
  }
  return undefined;
}
