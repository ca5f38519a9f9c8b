// After a start, or when this replica became the brain: the requests that have not ended are read from the database and go
// on where they were. Called by brain.ts before anything is dispatched.

import type { Funds } from '../billing/funds.ts';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import type { LiveIndex, LiveRequest } from '../requests/live.ts';
import { type LiveRow, listLiveRequests } from '../requests/recover.sql.ts';
import type { Simulator } from '../requests/simulation/simulator.ts';
import { tellStart } from '../requests/tell-start.ts';
import type { RequestWrites } from '../requests/writes.ts';
import type { Clock } from '../telemetry/clock.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { awaitInstance } from './await-instance.ts';
import type { Dispatcher } from './dispatcher.ts';
import { restoreRequest } from './restore-request.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly live: LiveIndex;
  readonly fleet: Fleet;
  readonly writes: RequestWrites;
  readonly dispatcher: Dispatcher;
  readonly maxAttempts: number;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Undefined unless this is a sandbox. */
  readonly simulator: Simulator | undefined;
}

export async function recoverRequests(deps: Deps): Promise<void> {
  const rows = await persist(() => listLiveRequests(deps.db));
  await deps.simulator?.recall(rows.map(({ id }) => id));
  crashPoint('before-recovery');
  let resumed = 0;
  for (const row of rows) {
    crashPoint('mid-recovery');
    // A submit that is under way in this process hands it over itself.
    if (deps.live.get(row.id)) continue;
    const isSimulated = deps.simulator?.isRecalled(row.id) ?? false;
    const request = restoreRequest(row, isSimulated ? undefined : deps.funds);
    deps.live.add(request);
    if (row.webhook_intermediate) tellStart(deps, request);
    if (deps.simulator?.restore(request)) continue;
    if (row.state === 'queued') deps.dispatcher.restoreWaiting(request);
    else {
      await resumeLeased(deps, row, request);
      resumed += 1;
    }
  }
  crashPoint('after-recovery');
  if (rows.length > 0)
    deps.log.info({ waiting: rows.length - resumed, leased: resumed }, 'requests of an earlier start go on');
}

async function resumeLeased(deps: Deps, row: LiveRow, request: LiveRequest): Promise<void> {
  const instance = row.instance_id === null ? undefined : deps.fleet.get(row.instance_id);
  const settling = row.instance_id === null ? undefined : deps.fleet.settling(row.instance_id);
  // It may run there still: nothing is done before that is known.
  if (settling) void resumeOnceKnown(deps, row, { request, settling });
  else await resumeOrReturn(deps, row, { request, instance });
}

async function resumeOnceKnown(
  deps: Deps,
  row: LiveRow,
  { request, settling }: { request: LiveRequest; settling: Promise<Instance | undefined> },
): Promise<void> {
  try {
    const known = await awaitInstance({ request, settling, log: deps.log });
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

async function resumeOrReturn(deps: Deps, row: LiveRow, { request, instance }: Resumed): Promise<void> {
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
  request.phase = 'queued';
  request.losses = losses;
  request.instanceId = undefined;
  request.promptId = undefined;
  if (losses >= deps.maxAttempts) {
    const details = `The instance lost the request ${losses} times; the last time it ended while the service was down.`;
    request.stop ??= { kind: 'fail', code: 10012, details };
  }
  deps.dispatcher.restoreWaiting(request);
}
