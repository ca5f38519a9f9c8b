// What is remembered of each scaled pool between decisions, and which deployments use which. In memory only: after a
// restart it is rebuilt from the fleet and from what waits. Made in scaler.ts; kept by it, loop.ts, judge.ts and act.ts.
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { ScaleDecision } from './decide.pure.ts';
import { type Funds, forgetRefusal, UNASKED } from './funds.pure.ts';
import { NOTHING_LEARNED } from './keep-warm.pure.ts';
import type { FailedRow, Learned } from './learn.pure.ts';
import { type Member, toMember } from './member.pure.ts';
import type { WarmUp } from './warm-up.pure.ts';

export interface PoolRecord {
  readonly key: string;
  readonly members: Map<string, Member>;
  learned: Learned;
  failed: FailedRow | undefined;
  warmUp: WarmUp | undefined;
  last: { readonly decision: ScaleDecision; readonly at: number } | undefined;
  /** Whether its account can pay for what no request asked for. */
  funds: Funds;
  /** The deployments were read whose instances an earlier life of the service left in it: without members now, it is nobody's. */
  hasReadOwners: boolean;
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

export interface PoolRecords {
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

export function createPoolRecords(): PoolRecords {
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
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(member)) forgetTrouble(record);
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
    funds: UNASKED,
    hasReadOwners: false,
    starts: new Map(),
    removing: new Set(),
    isAtRest: false,
  };
}

/** Whoever edits a deployment may have mended what made its starts fail, or have paid. */
function forgetTrouble(record: PoolRecord): void {
  record.failed = undefined;
  record.funds = forgetRefusal(record.funds);
}
