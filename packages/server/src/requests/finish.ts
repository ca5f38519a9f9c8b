// Ends a request: its last state, its result, its attempt and its files in one transaction. Called by execution for
// attempts and by dispatch for requests that end while they wait.
import { type ErrorCode, resultError } from '@comfleet/api';
import { chargeRun, runMsOf } from '../billing/charge-run.pure.ts';
import { NOTHING_SPENT } from '../billing/funds.ts';
import type { RunCharge } from '../billing/ledger.sql.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traces } from '../telemetry/traces.ts';
import type { FinishedRequest, StoredFile } from './finish.sql.ts';
import { isTerminal, REQUEST_NEXT } from './lifecycle.pure.ts';
import { type LiveIndex, type LiveRequest, publish } from './live.ts';
import type { RecentlyEnded } from './recently-ended.ts';
import { writeReport } from './report.pure.ts';
import type { RequestRow } from './requests.sql.ts';
import type { RequestWrites } from './writes.ts';

/** How a request ends. `outputs` is the JSON text of the result's field, its urls as paths. */
export type Ending =
  | { kind: 'succeeded'; outputs: string; files: readonly StoredFile[]; note: string | undefined }
  | { kind: 'failed'; code: ErrorCode; details: string; debugInfo: string; isBilled?: true }
  | { kind: 'cancelled' };

interface Deps {
  readonly clock: Clock;
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly writes: RequestWrites;
  readonly log: Log;
  /** Others of the deployment wait behind what its instances were given. */
  readonly hasBacklog?: (deploymentId: string) => boolean;
}

/** Who ends in front of a backlog has waited longer in it, and ends with others: a statement each costs half as much again. */
const BACKLOG_PATIENCE_MS = 15;

/** False when a later epoch owns the request: then nothing was written and memory was left alone (I5). */
export async function finishRequest(deps: Deps, request: LiveRequest, ending: Ending): Promise<boolean> {
  const finishedAt = Math.max(deps.clock.now(), request.createdAt);
  const { epoch } = request;
  const runMs = request.ranMs ?? (request.runTick === undefined ? undefined : performance.now() - request.runTick);
  const ended: FinishedRequest = {
    id: request.id,
    epoch,
    state: nextState(request, ending),
    instanceId: request.isOnInstance ? request.instanceId : undefined,
    promptId: request.promptId,
    startedAt: request.startedAt,
    finishedAt,
    ...chargeOf(request, ending, runMs),
    outputs: ending.kind === 'succeeded' ? ending.outputs : undefined,
    error: errorText(ending),
    errorCode: errorCode(ending),
    cause: describeEnding(ending),
    report: writeReport(request),
    files: ending.kind === 'succeeded' ? ending.files : [],
    hasWebhook: request.hasWebhook,
  };
  const written = await deps.writes.finish(ended, deps.hasBacklog?.(request.deploymentId) ? BACKLOG_PATIENCE_MS : 0);
  if (!written) {
    deps.log.warn({ requestId: request.id, epoch }, 'an ended attempt was fenced off by a later one');
    return false;
  }
  const { charge } = ended;
  request.hold?.settle(
    charge === undefined
      ? NOTHING_SPENT
      : { chargedMicrodollars: charge.chargedMicrodollars, runMs: charge.durationMs },
  );
  const row = toRow(request, ended);
  deps.recent.add(row);
  publish(request, { kind: 'ended', row, files: ended.files });
  deps.live.remove(request.id);
  const queuedMs = (request.startedAt ?? finishedAt) - request.createdAt;
  metrics.requestEnded({ outcome: ending.kind, code: ended.errorCode, queuedMs, runMs });
  traces.requestEnded(request, ending.kind, ended.errorCode, finishedAt);
  deps.log.info(
    {
      requestId: request.id,
      deploymentId: request.deploymentId,
      outcome: ending.kind,
      code: ending.kind === 'failed' ? ending.code : undefined,
      instanceId: request.instanceId,
      queuedMs,
      totalMs: finishedAt - request.createdAt,
    },
    'request ended',
  );
  return true;
}

function chargeOf(
  request: LiveRequest,
  ending: Ending,
  measuredMs: number | undefined,
): { runMs: number | undefined; charge: RunCharge | undefined } {
  const runMs = measuredMs === undefined ? undefined : runMsOf(measuredMs);
  const { hold, id, epoch } = request;
  if (hold === undefined || runMs === undefined || epoch === 0) return { runMs, charge: undefined };
  const { sku, pricePerHourMicrodollars } = hold;
  const isBilled = ending.kind === 'failed' && ending.isBilled === true;
  const charged = chargeRun(runMs, { pricePerHourMicrodollars, errorCode: isBilled ? undefined : errorCode(ending) });
  if (charged === undefined) return { runMs, charge: undefined };
  const charge = {
    requestId: id,
    epoch,
    chargedMicrodollars: charged,
    durationMs: runMs,
    sku,
    pricePerHourMicrodollars,
  };
  return { runMs, charge };
}

function toRow(request: LiveRequest, ended: FinishedRequest): RequestRow {
  return {
    id: request.id,
    account_id: request.accountId,
    deployment_id: request.deploymentId,
    state: ended.state,
    instance_id: ended.instanceId ?? null,
    created_at: request.createdAt,
    finished_at: ended.finishedAt,
    outputs: ended.outputs ?? null,
    error: ended.error ?? null,
  };
}

const EVENT = { succeeded: 'succeed', failed: 'fail', cancelled: 'cancel' } as const;

function nextState(request: LiveRequest, ending: Ending) {
  const state = REQUEST_NEXT[request.phase === 'queued' ? 'queued' : 'active'][EVENT[ending.kind]];
  if (state === 'unchanged' || !isTerminal(state))
    throw new Error(`a ${request.phase} request cannot end as ${ending.kind}`);
  return state;
}

function errorText(ending: Ending): string | undefined {
  if (ending.kind === 'succeeded' && ending.note !== undefined)
    return JSON.stringify([resultError(200001, ending.note)]);
  if (ending.kind !== 'failed') return undefined;
  return JSON.stringify([resultError(ending.code, ending.details, ending.debugInfo)]);
}

function errorCode(ending: Ending): ErrorCode | undefined {
  if (ending.kind === 'failed') return ending.code;
  return ending.kind === 'succeeded' && ending.note !== undefined ? 200001 : undefined;
}

function describeEnding(ending: Ending): string {
  if (ending.kind === 'failed') return `${ending.code}: ${ending.details}`.slice(0, 2_000);
  return ending.kind;
}
