// Writes what became of an attempt: the request ends, or waits again. The last step of run.ts.

import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import { finishRequest } from '../requests/finish.ts';
import { addNote, forgetAttempt, type LiveRequest, publish } from '../requests/live.ts';
import { writeReport } from '../requests/report.pure.ts';
import { describeError } from '../telemetry/log.ts';
import { traces } from '../telemetry/traces.ts';
import type { Attempt, ExecutionDeps } from './attempt.ts';
import { concealKeys } from './conceal-keys.pure.ts';
import { type Cause, decideOutcome, type Retry } from './outcome.pure.ts';

export type Settled =
  | Cause
  | { kind: 'succeeded'; outputs: string; files: readonly StoredFile[]; note: string | undefined };

export async function settle(deps: ExecutionDeps, attempt: Attempt, settled: Settled): Promise<void> {
  const { request } = attempt;
  if (settled.kind === 'succeeded') {
    await finishOrFail(deps, attempt, settled);
    return;
  }
  const outcome = decideOutcome(settled, {
    losses: request.losses,
    maxAttempts: deps.limits.maxAttempts,
    unsent: request.unsent,
    hasWaitedTooLong: performance.now() - request.createdTick > deps.limits.startTimeoutMs,
  });
  switch (outcome.kind) {
    case 'cancel':
      await finishRequest(deps, request, { kind: 'cancelled' });
      return;
    case 'fail':
      await finishRequest(deps, request, { ...concealKeys(outcome, request.payload?.extraData), kind: 'failed' });
      return;
    case 'retry':
      await giveBack(deps, attempt, outcome);
      return;
  }
}

// A result that the database will not take, for whatever reason, must not leave its request live for ever. The writes
// themselves outlast a database that is away.
async function finishOrFail(
  deps: ExecutionDeps,
  { request }: Attempt,
  settled: Extract<Settled, { kind: 'succeeded' }>,
): Promise<void> {
  try {
    await finishRequest(deps, request, settled);
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    deps.log.error({ requestId: request.id, ...describeError(error) }, 'a result could not be recorded');
    const details = 'The run finished, but its result could not be recorded. The log of the service says why.';
    await finishRequest(deps, request, { kind: 'failed', code: 10006, details, debugInfo: '' });
  }
}

async function giveBack(deps: ExecutionDeps, attempt: Attempt, retry: Retry): Promise<void> {
  const { request } = attempt;
  const { because, what, afterMs } = retry;
  const losses = request.losses + (what === 'lost' ? 1 : 0);
  const returned = await deps.writes.returnLease({
    requestId: request.id,
    epoch: request.epoch,
    losses,
    instanceId: request.instanceId,
    promptId: request.promptId,
    startedAt: request.startedAt,
    endedAt: deps.clock.now(),
    cause: because,
    report: writeReport(request),
  });
  tellBack(deps, request, retry);
  if (!returned) return;
  request.losses = losses;
  if (what === 'lost') request.unsent = 0;
  if (what === 'not_sent') request.unsent += 1;
  forgetAttempt(request);
  if (what !== 'moved') {
    const ended = what === 'lost' ? `Attempt ${losses} was lost` : 'The attempt could not be sent';
    addNote(request, { level: 'warning', message: `${ended}: ${because}. The request waits again.` });
  }
  publish(request, { kind: 'status' });
  if (afterMs === 0) return deps.requeue(request);
  setTimeout(() => deps.requeue(request), afterMs).unref();
}

function tellBack({ log, clock }: ExecutionDeps, request: LiveRequest, { because, what }: Retry): void {
  const fields = { requestId: request.id, epoch: request.epoch, instanceId: request.instanceId, because };
  if (what === 'moved') log.debug(fields, 'attempt moved; the request waits again');
  else log.warn(fields, 'attempt lost; the request waits again');
  traces.attemptLost(request, { because, now: clock.now() });
}
