// After a start: the requests that instances were given go on where they are; those whose instance ended meanwhile wait
// again, at the head of their queue. Called by recover.ts before anything is given out.
import type { Funds } from '../../billing/funds.ts';
import type { Fleet, Instance } from '../../instances/fleet.ts';
import { forgetAttempt, type LiveIndex, type LiveRequest } from '../../requests/live.ts';
import type { LiveRow } from '../../requests/recover.sql.ts';
import type { Simulator } from '../../requests/simulation/simulator.ts';
import { tellStart } from '../../requests/tell-start.ts';
import type { RequestWrites } from '../../requests/writes.ts';
import { crashPoint } from '../../telemetry/crash-point.ts';
import { describeError } from '../../telemetry/log.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { awaitInstance } from './await-instance.ts';
import { restoreRequest } from './restore-request.ts';

export type ResumeDeps = Parameters<typeof tellStart>[0] & {
  readonly live: LiveIndex;
  readonly fleet: Fleet;
  readonly writes: RequestWrites;
  readonly dispatcher: Dispatcher;
  readonly maxAttempts: number;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Undefined unless this is a sandbox. */
  readonly simulator?: Simulator | undefined;
  /** Of one whose instance cannot be asked about (await-instance.ts). */
  readonly stopsWithinMs?: number;
};

/** Gives how many there were. */
export async function resumeLeased(deps: ResumeDeps, rows: readonly LiveRow[]): Promise<number> {
  let resumed = 0;
  for (const row of rows) {
    crashPoint('mid-recovery');
    // A submit that is under way in this process hands it over itself.
    if (deps.live.get(row.id)) continue;
    const isSimulated = deps.simulator?.isRecalled(row.id) ?? false;
    const request = restoreRequest(row, { funds: isSimulated ? undefined : deps.funds, now: deps.clock.now() });
    if (deps.dispatcher.backlog.isCancelled(row.id)) request.stop ??= { kind: 'cancel' };
    deps.live.add(request);
    if (row.webhook_intermediate) tellStart(deps, request);
    if (deps.simulator?.restore(request)) continue;
    await resume(deps, row, request);
    resumed += 1;
  }
  return resumed;
}

async function resume(deps: ResumeDeps, row: LiveRow, request: LiveRequest): Promise<void> {
  const instance = row.instance_id === null ? undefined : deps.fleet.get(row.instance_id);
  const settling = row.instance_id === null ? undefined : deps.fleet.settling(row.instance_id);
  // It may run there still: nothing is done before that is known.
  if (settling !== undefined) void resumeOnceKnown(deps, row, { request, settling });
  else await resumeOrReturn(deps, row, { request, instance });
}

async function resumeOnceKnown(
  deps: ResumeDeps,
  row: LiveRow,
  { request, settling }: { request: LiveRequest; settling: Promise<Instance | undefined> },
): Promise<void> {
  try {
    const known = await awaitInstance({ ...deps, request, settling });
    if (known !== 'stopped') await resumeOrReturn(deps, row, { request, ...known });
    // It waits for nothing any more: that ends it.
    else deps.dispatcher.restoreWaiting(request);
  } catch (error) {
    deps.log.error({ requestId: row.id, ...describeError(error) }, 'a request of an earlier start could not go on');
  }
}

interface Resumed {
  readonly request: LiveRequest;
  readonly instance: Instance | undefined;
}

async function resumeOrReturn(deps: ResumeDeps, row: LiveRow, { request, instance }: Resumed): Promise<void> {
  if (instance && row.prompt_id !== null) {
    deps.dispatcher.resumeOn(request, instance);
    return;
  }
  // Its instance ended while the service was down: the run, if there was one, is lost.
  const losses = row.losses + 1;
  await deps.writes.returnLease({
    requestId: row.id,
    epoch: row.epoch,
    losses,
    instanceId: row.instance_id ?? undefined,
    promptId: row.prompt_id ?? undefined,
    startedAt: row.leased_at ?? undefined,
    endedAt: deps.clock.now(),
    cause: 'the instance ended while the service was down',
  });
  request.losses = losses;
  forgetAttempt(request);
  if (losses >= deps.maxAttempts) {
    const details = `The instance lost the request ${losses} times; the last time it ended while the service was down.`;
    request.stop ??= { kind: 'fail', code: 10012, details };
  }
  deps.dispatcher.restoreWaiting(request, 'head');
}
