// One pool: the deployments that wait for its instances, and the instances by their level (next-instance.pure.ts). Kept true
// by pools.ts, so that loop.ts and accept.ts find who is next and where without a walk over all instances or all deployments.
import type { Lane } from './lane.ts';
import { ALL_LEVELS, isCurrent, LEVELS, levelOf, mayTakeWork, nextInstance } from './next-instance.pure.ts';
import type { Slots } from './slots.ts';
import { append, listed, type SlotsList, unlink } from './slots-list.ts';

export interface PoolIndex {
  readonly key: string;
  /** Instances made from something else are outdated; undefined where they are not made for anybody. */
  fingerprint: string | undefined;
  /** Waiting deployments that may go to any instance of the pool. */
  readonly anywhere: Map<string, Lane>;
  /** Waiting deployments that are on as many instances as they may be on (max_instances): they only go on there. */
  readonly atLimit: Map<string, Lane>;
  /** Instances that take work, outdated ones too. */
  readonly ready: Set<Slots>;
  /** How many of them are current. */
  current: number;
  /** Those that take work and have a place left, by their level. */
  readonly levels: readonly SlotsList[];
  /** Those with more than one request. */
  readonly crowded: Set<Slots>;
  /** Since loop.ts looked: instances that have changed, and deployments that wait at their limit from then on. */
  readonly changed: Set<Slots>;
  readonly newAtLimit: Set<Lane>;
  /** Requests whose lease is being written. */
  leasing: number;
  isLookedAtAgain: boolean;
}

export function createPoolIndex(key: string): PoolIndex {
  return {
    key,
    fingerprint: undefined,
    anywhere: new Map(),
    atLimit: new Map(),
    ready: new Set(),
    current: 0,
    levels: Array.from({ length: ALL_LEVELS }, () => ({ first: undefined, last: undefined })),
    crowded: new Set(),
    changed: new Set(),
    newAtLimit: new Set(),
    leasing: 0,
    isLookedAtAgain: false,
  };
}

export function hasWaiting({ anywhere, atLimit }: PoolIndex): boolean {
  return anywhere.size + atLimit.size > 0;
}

export function isEmpty(index: PoolIndex): boolean {
  return index.ready.size === 0 && index.leasing === 0 && !hasWaiting(index);
}

function isMadeAsWanted({ fingerprint }: PoolIndex, { instance }: Slots): boolean {
  return isCurrent(instance.spec?.fingerprint, fingerprint);
}

export function takesWork(index: PoolIndex, slots: Slots): boolean {
  return index.ready.has(slots) && mayTakeWork(isMadeAsWanted(index, slots), index.current);
}

/** What the instance has to do has changed: it goes to the level where it belongs now. */
export function refile(index: PoolIndex, slots: Slots): void {
  const level = takesWork(index, slots) ? levelOf(slots) : undefined;
  const list = level === undefined ? undefined : index.levels[level];
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
  if (isMadeAsWanted(index, slots)) index.current += 1;
  // The first current one takes the place of those that are not.
  if (index.current === 1) refileAll(index);
  else refile(index, slots);
}

export function quit(index: PoolIndex, slots: Slots): void {
  if (!index.ready.delete(slots)) return;
  index.changed.delete(slots);
  index.crowded.delete(slots);
  unlink(slots);
  if (!isMadeAsWanted(index, slots)) return;
  index.current -= 1;
  if (index.current === 0) refileAll(index);
}

/** The pool's instances are to be made from something else from now on. */
export function setFingerprint(index: PoolIndex, fingerprint: string | undefined): void {
  if (index.fingerprint === fingerprint) return;
  index.fingerprint = fingerprint;
  index.current = 0;
  for (const slots of index.ready) if (isMadeAsWanted(index, slots)) index.current += 1;
  refileAll(index);
}

function refileAll(index: PoolIndex): void {
  for (const slots of index.ready) refile(index, slots);
}

/** The one that is given to next: there is room for more than a single request, where runs are short. */
export function leastBusy({ levels }: PoolIndex): Slots | undefined {
  return nextInstance(levels, LEVELS);
}

/** The one that a single request is given to: any place left will do. */
export function findPlace({ levels }: PoolIndex): Slots | undefined {
  return nextInstance(levels, ALL_LEVELS);
}

/** The same of these instances only; those of them that take no work of this pool do not count. */
export function findPlaceAmong(index: PoolIndex, places: Iterable<Slots>): Slots | undefined {
  let found: Slots | undefined;
  let lowest = ALL_LEVELS;
  for (const slots of places) {
    const level = takesWork(index, slots) ? (levelOf(slots) ?? ALL_LEVELS) : ALL_LEVELS;
    if (level >= lowest) continue;
    found = slots;
    lowest = level;
  }
  return found;
}

/** An idle one there is: whoever waits on does so by choice. */
export function hasIdle({ levels: [idle] }: PoolIndex): boolean {
  return idle?.first !== undefined;
}

/** Those that are idle, the one used last at the end. */
export function* listIdle({ levels: [idle] }: PoolIndex): IterableIterator<Slots> {
  if (idle) yield* listed(idle);
}

/** Those that run something and may be given more, the one with the least to do first. */
export function* listBusy({ levels }: PoolIndex): IterableIterator<Slots> {
  for (const list of levels.slice(1, LEVELS)) yield* listed(list);
}
