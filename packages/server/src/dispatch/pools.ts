// Whose requests each instance may be given: the pools (deployments/pool.pure.ts), each with its index. Kept true by what
// happens to lanes, instances and deployments; loop.ts looks at the pools that something happened to.
import { DEFAULT_POOL, type Pool } from '../deployments/pool.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import type { Board } from './board.ts';
import type { Lane } from './lane.ts';
import {
  createPoolIndex,
  findPlaceAmong,
  isEmpty,
  join,
  type PoolIndex,
  quit,
  refile,
  setFingerprint,
} from './pool-index.ts';
import type { Slots } from './slots.ts';

/** The deployment's pool as it is now; undefined while it is not known which one that is, or nobody is there. */
export function findPool(board: Board, deploymentId: string): PoolIndex | undefined {
  const key = board.deps.poolOf === undefined ? DEFAULT_POOL : board.pools.get(deploymentId)?.key;
  return key === undefined ? undefined : board.indexes.get(key);
}

/** The same for whoever enters it: made where it is not there, and told what its instances are made from now. */
export function openPool(board: Board, deploymentId: string): PoolIndex | undefined {
  if (board.deps.poolOf === undefined) return openIndex(board, DEFAULT_POOL);
  const pool = board.pools.get(deploymentId);
  // Nobody else's instance may be given its requests.
  if (pool === undefined) return undefined;
  const index = openIndex(board, pool.key);
  if (pool.isScaled) setFingerprint(index, pool.fingerprint);
  return index;
}

function openPoolOfInstance(board: Board, instance: Instance): PoolIndex {
  // Without scaled hardware everybody shares the instances that are there.
  return openIndex(board, board.deps.poolOf === undefined ? DEFAULT_POOL : instance.pool);
}

function openIndex(board: Board, key: string): PoolIndex {
  const known = board.indexes.get(key);
  if (known) return known;
  const made = createPoolIndex(key);
  board.indexes.set(key, made);
  return made;
}

function closeIfEmpty(board: Board, index: PoolIndex): void {
  if (index.key === DEFAULT_POOL || !isEmpty(index)) return;
  if (board.indexes.get(index.key) === index) board.indexes.delete(index.key);
}

/** Nobody overtakes a request whose lease is being written. */
export async function countLeasing<T>(board: Board, index: PoolIndex, lease: Promise<T>): Promise<T> {
  index.leasing += 1;
  try {
    return await lease;
  } finally {
    index.leasing -= 1;
    closeIfEmpty(board, index);
  }
}

/** What the deployment's directory entry says, read just now. */
export function learnPool(board: Board, deploymentId: string, learned: { pool: Pool | undefined; max: number }): void {
  const { pool, max } = learned;
  const lane = board.waiting.lane(deploymentId);
  if (lane) removeLane(board, lane);
  if (pool) board.pools.set(deploymentId, pool);
  board.limits.set(deploymentId, max);
  if (lane) addLane(board, lane);
}

/** Deployments were edited. Those that wait stay where they are until they are read anew. */
export function forgetPools(board: Board): void {
  for (const deploymentId of board.limits.keys()) {
    if (board.waiting.lane(deploymentId)) continue;
    board.limits.delete(deploymentId);
    board.pools.delete(deploymentId);
  }
}

export function addLane(board: Board, lane: Lane): void {
  const index = openPool(board, lane.deploymentId);
  if (index === undefined) return;
  board.touched.add(index);
  if (isAtLimit(board, lane.deploymentId)) {
    index.atLimit.set(lane.deploymentId, lane);
    index.newAtLimit.add(lane);
  } else index.anywhere.set(lane.deploymentId, lane);
}

export function removeLane(board: Board, lane: Lane): void {
  const index = findPool(board, lane.deploymentId);
  if (index === undefined) return;
  // A pool that nobody waits for any more is looked at too: its idle instances may take over from its busy ones.
  board.touched.add(index);
  index.anywhere.delete(lane.deploymentId);
  index.atLimit.delete(lane.deploymentId);
  index.newAtLimit.delete(lane);
  closeIfEmpty(board, index);
}

/** On as many instances as it may be on: it only goes on where it is. */
export function isAtLimit(board: Board, deploymentId: string): boolean {
  return countInstances(board, deploymentId) >= maxInstancesOf(board, deploymentId);
}

export function maxInstancesOf(board: Board, deploymentId: string): number {
  return board.limits.get(deploymentId) ?? 1;
}

export function countInstances(board: Board, deploymentId: string): number {
  return board.spread.get(deploymentId)?.size ?? 0;
}

export function countOtherInstances(board: Board, deploymentId: string, except: Slots): number {
  return countInstances(board, deploymentId) - (except.deployments.has(deploymentId) ? 1 : 0);
}

/** Of the instances that it is on, the one that a request of it is given to. */
export function findPlaceWhereItIs(board: Board, index: PoolIndex, deploymentId: string): Slots | undefined {
  const places = board.spread.get(deploymentId);
  return places && findPlaceAmong(index, places);
}

export function mayRunOn(board: Board, deploymentId: string, slots: Slots): boolean {
  if (slots.pool === undefined || slots.pool !== findPool(board, deploymentId)) return false;
  return countOtherInstances(board, deploymentId, slots) < maxInstancesOf(board, deploymentId);
}

/** The deployment's first request came to the instance, or its last one left. */
export function onSpread(board: Board, slots: Slots, change: { deploymentId: string; isThere: boolean }): void {
  const { deploymentId, isThere } = change;
  // Of an instance that is gone its attempts tell still.
  if (isThere !== (board.slotsById.get(slots.instance.id) === slots && slots.deployments.has(deploymentId))) return;
  const places = board.spread.get(deploymentId);
  if (isThere) {
    if (places) places.add(slots);
    else board.spread.set(deploymentId, new Set([slots]));
  } else if (places?.delete(slots) && places.size === 0) board.spread.delete(deploymentId);
  const lane = board.waiting.lane(deploymentId);
  if (lane === undefined) return;
  // Also where it stays limited: after its limit was lowered, it may go on where it is only now.
  removeLane(board, lane);
  addLane(board, lane);
}

/** What the instance has to do, or how much it may be given ahead, has changed. */
export function onWork(board: Board, slots: Slots): void {
  const { pool } = slots;
  if (pool === undefined) return;
  refile(pool, slots);
  board.touched.add(pool);
}

/** It takes work from now on. */
export function joinPool(board: Board, slots: Slots): void {
  if (slots.pool) return;
  // Another process may stand behind the same address now.
  slots.loaded = undefined;
  slots.pool = openPoolOfInstance(board, slots.instance);
  join(slots.pool, slots);
  board.touched.add(slots.pool);
}

/** It takes no more work: lost, draining or gone. */
export function quitPool(board: Board, slots: Slots): void {
  const { pool } = slots;
  if (pool === undefined) return;
  slots.pool = undefined;
  quit(pool, slots);
  // Outdated ones may have to stand in for it.
  board.touched.add(pool);
  closeIfEmpty(board, pool);
}

/** Its runs do not go on: they count for nobody's limit any more. */
export function forgetSlots(board: Board, slots: Slots): void {
  quitPool(board, slots);
  board.slotsById.delete(slots.instance.id);
  for (const deploymentId of slots.deployments.keys()) onSpread(board, slots, { deploymentId, isThere: false });
}
