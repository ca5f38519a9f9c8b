// Which instance gets the next request, how many it is given at once, and why it got one although others were before it
// there. Pure: pool-index.ts keeps a pool's instances by their level and takes the next one, loop.ts asks how many it is given,
// assign.ts keeps why. (Who is given to it: assign.pure.ts. Where models have to be loaded: affinity.pure.ts.)
//
// Work spreads before it piles up: the lowest level goes first.
//
//   0                 idle. Of several the one used last: it is warmest
//   1 … LEVELS - 1    busy, with room now: by how much it has to do. Of equals the one that has had as much for longest
//   LEVELS …          busy, and what room it has is kept until a group fits: for a single request that finds no other place
//   none              full; or outdated, while a current one is ready
import type { WhyThere } from '../requests/report.pure.ts';
import { capacity, type Load, MAX_CAPACITY, room } from './give-ahead.pure.ts';

/** An instance with any place left has fewer requests than this. */
export const LEVELS = MAX_CAPACITY;
export const ALL_LEVELS = 2 * LEVELS;

const IDLE = 0;

/** undefined: it is full. */
export function levelOf(load: Load): number | undefined {
  if (load.pending >= capacity(load)) return undefined;
  return room(load) > 0 ? load.pending : load.pending + LEVELS;
}

/** `made`: what the instance is made from; `wanted`: what its pool's are made from now, undefined where they are simply there. */
export function isCurrent(made: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || made === wanted;
}

/** Outdated instances are given work only while no current one is ready. */
export function mayTakeWork(isCurrent: boolean, currentReady: number): boolean {
  return isCurrent || currentReady === 0;
}

/** The instances of one level, in the order in which they came to it. */
interface Level<T> {
  readonly first: T | undefined;
  readonly last: T | undefined;
}

/** The lowest one with any instance; `below`: LEVELS where only room that is to be used now counts, else ALL_LEVELS. */
export function lowestLevel(levels: readonly Level<unknown>[], below: number): number | undefined {
  for (let level = IDLE; level < below; level += 1) if (levels[level]?.first) return level;
  return undefined;
}

/** undefined: whoever waits does so on. */
export function nextInstance<T>(levels: readonly Level<T>[], below: number): T | undefined {
  const level = lowestLevel(levels, below);
  if (level === undefined) return undefined;
  return level === IDLE ? levels[level]?.last : levels[level]?.first;
}

/** One to an idle instance, so that the next goes to the next; ahead of what runs as many as there is room for. */
export function countToGive(load: Load): number {
  return load.pending === 0 ? 1 : room(load);
}

/** What needs models is given ahead, or moved from there, only to where they will be loaded: elsewhere it may have them sooner. */
export function suitsModels(models: string, loaded: string | undefined): boolean {
  return models === '' || models === loaded;
}

/**
 * Why a request is given to an instance that has others before it: for want of a lower level; or because it may not go, or does
 * better not to go, where that is (`bound`); or together with the one given just before.
 */
export function whyThere(level: number, lowest: number, bound: 'max_instances' | 'its models' | undefined): WhyThere {
  if (level <= lowest) return 'fewest before it';
  return bound ?? 'room for more';
}
