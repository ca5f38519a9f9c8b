// Does what was decided for a pool: asks the fleet for instances, takes them out of use or away, and tells the timeline why.
// Called by judge.ts; takeAway also by scaler.ts for an instance that a person takes away.
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { MemberDemand, SeenInstance } from './combine-members.pure.ts';
import type { ScaleDecision } from './decide.pure.ts';
import type { Leave } from './leave.pure.ts';
import { chooseOwner } from './owner.pure.ts';
import type { PoolRecord } from './pool-records.ts';
import type { PoolView, ScaledFleet } from './see-pool.ts';

export interface ScaleEvent {
  readonly accountId: string;
  readonly deploymentId: string;
  readonly message: string;
}

export interface ActDeps {
  readonly fleet: ScaledFleet;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly record: (event: ScaleEvent) => void;
}

export function act(
  deps: ActDeps,
  pool: PoolRecord,
  { decision, leaves, seen }: { decision: ScaleDecision; leaves: readonly Leave[]; seen: PoolView },
): void {
  const { instances, members } = seen;
  forgetGone(pool, instances);
  for (const leave of leaves) takeAway(deps, pool, leave);
  const owner = chooseOwner(members);
  if (owner !== undefined && decision.start > 0) startInstances(deps, pool, { owner, count: decision.start });
  if (decision.start > 0 || decision.drain.length > 0) tell(deps, decision, owner ?? members[0]);
}

function forgetGone({ removing }: PoolRecord, instances: readonly SeenInstance[]): void {
  for (const id of removing) if (!instances.some((each) => each.id === id)) removing.delete(id);
}

/** Its end is asked for once: the fleet asks its provider until it is gone. */
export function takeAway(
  deps: Pick<ActDeps, 'fleet' | 'log'>,
  { removing, starts }: PoolRecord,
  { id, how, because }: Leave,
): void {
  if (how === 'drain') guard(deps, () => deps.fleet.drain(id, because));
  else if (!removing.has(id)) {
    removing.add(id);
    starts.delete(id);
    guard(deps, () => deps.fleet.remove(id, because));
  }
}

function startInstances(deps: ActDeps, pool: PoolRecord, of: { owner: MemberDemand; count: number }): void {
  const { accountId, id: deploymentId, sku, fingerprint } = of.owner;
  metrics.startsAsked(of.count);
  for (let count = 0; count < of.count; count += 1) {
    const spec = { id: deps.newId(), pool: pool.key, accountId, deploymentId, sku, fingerprint };
    const begun = { askedAt: deps.clock.now(), fingerprint, isTaken: false };
    pool.starts.set(spec.id, begun);
    guard(deps, async () => {
      await deps.fleet.create(spec).catch((error) => {
        pool.starts.delete(spec.id);
        throw error;
      });
      begun.isTaken = true;
    });
  }
}

function tell({ record }: ActDeps, { start, drain, reasons }: ScaleDecision, member: MemberDemand | undefined): void {
  if (member === undefined) return;
  const starts = start === 0 ? [] : [`starts ${count(start)}`];
  const ends = drain.length === 0 ? [] : [`takes ${count(drain.length)} out of use`];
  const because = [...new Set(reasons)].join('; ');
  const message = `Deployment "${member.name}" ${[...starts, ...ends].join(' and ')}: ${because}.`;
  record({ accountId: member.accountId, deploymentId: member.id, message });
}

function count(instances: number): string {
  return instances === 1 ? '1 instance' : `${instances} instances`;
}

/** Trouble with a provider comes back as an event of the fleet; what is thrown is a fault of ours. */
function guard({ log }: Pick<ActDeps, 'log'>, call: () => unknown): void {
  try {
    Promise.resolve(call()).catch((error) => log.error(describeError(error), 'the fleet did not do what was decided'));
  } catch (error) {
    log.error(describeError(error), 'the fleet did not do what was decided');
  }
}
