// Which deployments use which scaled pool, and what is remembered of each pool between decisions. In memory only: after a
// restart it is rebuilt from the fleet and from what waits. Made in scaler.ts; kept by it, loop.ts and judge.ts.
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { FailedStarts, ScaleDecision } from './decide.pure.ts';
import type { Member } from './gather.pure.ts';
import { NOTHING_LEARNED } from './keep-warm.pure.ts';
import type { Learned } from './learn.pure.ts';
import type { WarmUp } from './warm-up.pure.ts';

export interface PoolRecord {
  readonly key: string;
  readonly members: Map<string, Member>;
  learned: Learned;
  /** `since`: when the first of the row failed. */
  failed: (FailedStarts & { readonly since: number }) | undefined;
  warmUp: WarmUp | undefined;
  last: { readonly decision: ScaleDecision; readonly at: number } | undefined;
  /** When its account was last found able to pay for what nobody asked for yet. */
  fundedAt: number;
  /** It was asked for whom the instances are that an earlier start left. */
  isSought: boolean;
  /** Asked for, not there yet; kept until it is ready or gone. */
  readonly starts: Map<string, Start>;
  /** Their end was asked for; kept until they are gone. */
  readonly removing: Set<string>;
  /** Nothing waits, nothing exists, nothing is wanted: it costs nothing until somebody comes. */
  isAtRest: boolean;
}

export interface Start {
  readonly askedAt: number;
  readonly fingerprint: string;
  /** The fleet has it in its own lists. */
  isTaken: boolean;
}

/** What is learned of so many pools at rest is kept. */
const MOST_AT_REST = 5_000;
const MOST_ELSEWHERE = 20_000;

export interface Members {
  get(key: string): PoolRecord | undefined;
  open(key: string): PoolRecord;
  keyOf(deploymentId: string): string | undefined;
  /** Known to run on instances that nobody starts for it. */
  isElsewhere(deploymentId: string): boolean;
  /** Deployments were edited: such may be in a pool now. */
  forgetElsewhere(): void;
  /** Puts it where it belongs now; gives the pools concerned. */
  place(deployment: Deployment, pool: Pool): string[];
  /** Deployments of pools that are not at rest. */
  awake(): string[];
  all(): IterableIterator<PoolRecord>;
  /** Drops what is at rest beyond what is kept. */
  trim(): void;
}

export function createMembers(): Members {
  const pools = new Map<string, PoolRecord>();
  const keys = new Map<string, string>();
  const elsewhere = new Set<string>();

  function open(key: string): PoolRecord {
    const known = pools.get(key) ?? createRecord(key);
    pools.set(key, known);
    return known;
  }

  function leave(deploymentId: string): string[] {
    const key = keys.get(deploymentId);
    if (key === undefined) return [];
    keys.delete(deploymentId);
    pools.get(key)?.members.delete(deploymentId);
    return [key];
  }

  function forget(record: PoolRecord) {
    for (const id of record.members.keys()) keys.delete(id);
    pools.delete(record.key);
  }

  return {
    get: (key) => pools.get(key),
    open,
    keyOf: (deploymentId) => keys.get(deploymentId),
    isElsewhere: (deploymentId) => elsewhere.has(deploymentId),
    forgetElsewhere: () => elsewhere.clear(),
    place(deployment, pool) {
      const left = keys.get(deployment.id) === pool.key ? [] : leave(deployment.id);
      if (!pool.isScaled) {
        if (elsewhere.size >= MOST_ELSEWHERE) elsewhere.clear();
        elsewhere.add(deployment.id);
        return left;
      }
      elsewhere.delete(deployment.id);
      const record = open(pool.key);
      const before = record.members.get(deployment.id);
      const member = toMember(deployment, pool);
      // Whoever edits it may have mended what made its starts fail.
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(member)) record.failed = undefined;
      record.members.set(deployment.id, member);
      keys.set(deployment.id, pool.key);
      return [...left, pool.key];
    },
    awake: () => [...pools.values()].filter(({ isAtRest }) => !isAtRest).flatMap(({ members }) => [...members.keys()]),
    all: () => pools.values(),
    trim() {
      let excess = pools.size - MOST_AT_REST;
      for (const record of pools.values()) {
        if (excess <= 0) return;
        if (!record.isAtRest) continue;
        forget(record);
        excess -= 1;
      }
    },
  };
}

function createRecord(key: string): PoolRecord {
  return {
    key,
    members: new Map(),
    learned: { memory: NOTHING_LEARNED, surplus: new Map() },
    failed: undefined,
    warmUp: undefined,
    last: undefined,
    fundedAt: Number.NEGATIVE_INFINITY,
    isSought: false,
    starts: new Map(),
    removing: new Set(),
    isAtRest: false,
  };
}

function toMember(deployment: Deployment, pool: Pool): Member {
  const { row } = deployment;
  return {
    id: deployment.id,
    accountId: deployment.accountId,
    name: deployment.name,
    sku: row.hardware,
    fingerprint: pool.fingerprint,
    limits: {
      queueSize: row.queue_size,
      minInstances: row.min_instances,
      maxInstances: row.max_instances,
      keepWarmMs: row.keep_warm_seconds * 1_000,
    },
    closedBecause: whyClosed(deployment),
    isUnfunded: !deployment.isEnabled && deployment.disabledCode === 10001,
  };
}

function whyClosed({ deletedAt, isAccountActive, isEnabled, disabledCode }: Deployment): string | undefined {
  if (deletedAt !== null) return 'the deployment was deleted';
  if (!isAccountActive) return 'the account is deactivated';
  return isEnabled || disabledCode === 10001 ? undefined : 'the deployment is disabled';
}
