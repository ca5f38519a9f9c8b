// Which instances may be given a deployment's requests: those of its pool, and of a scaled one those that are current as
// soon as any is. Asked by loop.ts and accept.ts for each choice; without scaled hardware it costs one comparison.
import { DEFAULT_POOL, type Pool } from '../deployments/pool.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import type { Board } from './board.ts';
import type { Slots } from './slots.ts';

interface Member {
  readonly pool?: string;
  readonly spec?: { readonly fingerprint: string } | undefined;
}

export function mayServe(board: Board, deploymentId: string, { instance }: Slots): boolean {
  // Everybody shares the instances that are there.
  if (board.deps.poolOf === undefined) return true;
  const pool = board.pools.get(deploymentId);
  // Not looked up yet: it must not end up on somebody else's instance.
  if (pool === undefined || keyOf(instance) !== pool.key) return false;
  return !pool.isScaled || isCurrent(instance, pool) || !hasCurrent(board, pool);
}

function hasCurrent(board: Board, pool: Pool): boolean {
  return board.deps.fleet.ready().some((instance) => keyOf(instance) === pool.key && isCurrent(instance, pool));
}

function keyOf({ pool }: Instance & Member): string {
  return pool ?? DEFAULT_POOL;
}

function isCurrent({ spec }: Instance & Member, { fingerprint }: Pool): boolean {
  return spec?.fingerprint === fingerprint;
}
