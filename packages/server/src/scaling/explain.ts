// What people are told of a deployment's instances: its status with the reason, why a request of it waits, what was
// decided last and why. Read by the routes of deployments, instances and requests; part of scaler.ts.
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import { withoutAddresses } from '../instances/record-events.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { ColdStarts } from './cold-starts.ts';
import type { PoolRecord, PoolRecords } from './pool-records.ts';
import type { Demand, ScaledFleet } from './see-pool.ts';
import { describeStatus, describeWaiting, type PoolFacts, type PoolStatus } from './words.pure.ts';

export interface Explain {
  /** undefined: its instances are simply there. */
  describe(deployment: Deployment): ScalingView | undefined;
  /** Of a request that waits; undefined: of a deployment whose instances are simply there. */
  whyWaiting(deploymentId: string, options?: { readonly isBrief: boolean }): string | undefined;
  /** When each instance that starts for it is expected to answer, from now, the first one first; none where nobody knows. */
  readyInMs(deploymentId: string): readonly number[];
  /** How many instances are wanted over all pools. */
  target(): number;
}

export interface ScalingView {
  readonly status: PoolStatus;
  readonly reason: string | undefined;
  readonly target: number;
  /** Of the last decision. */
  readonly reasons: readonly string[];
  readonly decidedAt: number | undefined;
  readonly failed: { readonly count: number; readonly since: number; readonly cause: string } | undefined;
  readonly coldStartMs: number | undefined;
}

interface Deps {
  readonly clock: Clock;
  readonly fleet: ScaledFleet;
  readonly demand: Demand;
  readonly records: PoolRecords;
  readonly coldStarts: ColdStarts;
  readonly poolOf: (deployment: Deployment) => Pool;
  /** Why no instance of a SKU can be made, as far as is known. */
  readonly problemOf?: ((sku: string) => string | undefined) | undefined;
}

export function createExplain(deps: Deps): Explain {
  const { records } = deps;
  return {
    describe(deployment) {
      const { key, isScaled } = deps.poolOf(deployment);
      if (!isScaled) return undefined;
      const record = records.get(key);
      const facts = gatherFacts(deps, key, record);
      const { isEnabled, deletedAt, row } = deployment;
      const problem = deps.problemOf?.(row.hardware);
      const closedBecause = isEnabled && deletedAt === null ? undefined : (facts.closedBecause ?? 'it is disabled');
      return {
        ...describeStatus({
          ...facts,
          closedBecause: facts.isUnfunded ? undefined : closedBecause,
          cannotStart: problem && withoutAddresses(problem),
        }),
        target: record?.last?.decision.target ?? 0,
        reasons: record?.last?.decision.reasons ?? [],
        decidedAt: record?.last?.at,
        failed: record?.failed,
        coldStartMs: facts.coldStartMs,
      };
    },
    whyWaiting(deploymentId, { isBrief } = { isBrief: false }) {
      const key = records.keyOf(deploymentId);
      return key === undefined ? undefined : describeWaiting(gatherFacts(deps, key, records.get(key)), isBrief);
    },
    readyInMs(deploymentId) {
      const key = records.keyOf(deploymentId);
      if (key === undefined) return [];
      const { starting, coldStartMs, now } = gatherFacts(deps, key, records.get(key));
      if (coldStartMs === undefined) return [];
      return starting.map(({ since }) => Math.max(0, since + coldStartMs - now)).sort((a, b) => a - b);
    },
    target: () => [...records.all()].reduce((sum, { last }) => sum + (last?.decision.target ?? 0), 0),
  };
}

function gatherFacts(
  { clock, fleet, demand, coldStarts }: Deps,
  key: string,
  record: PoolRecord | undefined,
): PoolFacts {
  const asked = fleet.asked().filter(({ spec }) => spec.pool === key);
  const instances = fleet.all().filter(({ spec }) => spec?.pool === key);
  const ready = instances.filter(({ phase }) => phase === 'ready');
  const members = [...(record?.members.values() ?? [])];
  const lost = instances.filter(({ phase }) => phase === 'lost');
  return {
    now: clock.now(),
    closedBecause: members.every(({ closedBecause }) => closedBecause !== undefined)
      ? members[0]?.closedBecause
      : undefined,
    isUnfunded: members.length > 0 && members.every(({ isUnfunded }) => isUnfunded),
    ready: ready.length,
    busy: ready.filter(({ id }) => demand.pendingOn(id).count > 0).length,
    maxInstances: members.reduce((sum, { limits }) => sum + limits.maxInstances, 0),
    starting: [
      ...asked.map(({ askedAt, words }) => ({ since: askedAt, words: words && withoutAddresses(words) })),
      ...instances
        .filter(({ phase }) => phase === 'starting')
        .map(({ since }) => ({ since, words: 'it has not answered yet' })),
    ],
    lost: lost.map(({ since, reason }) => ({ since, reason: reason && withoutAddresses(reason) })),
    failed: record?.failed,
    shortOf: record?.last?.decision.shortOf,
    unpaid: record?.last?.decision.unpaid,
    nextTryAt: record?.failed && record.last?.decision.checkAt,
    coldStartMs: coldStarts.known(key),
  };
}
