// HTTP in and out of a request's life: submit, status, result, cancel, and the public download of its files.
import { createHash } from 'node:crypto';
import { ApiError, IDEMPOTENCY_KEY_CHARACTERS, validationError, WAIT_SECONDS_MAX } from '@comfleet/api';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import { parseOutputPath } from '../files/output-name.pure.ts';
import { type ServeDeps, sendStoredFile } from '../files/serve.ts';
import { readBodyHolding } from '../http/read-body.ts';
import type { AccountCall, Call, Caller, RouteServer } from '../http/serve-route.ts';
import { contextOfCall } from '../http/trace-server.ts';
import { updateInSteps } from '../http/turns.ts';
import { metrics } from '../telemetry/metrics.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { type CancelDeps, cancelRequest, wishCancel } from './cancel.ts';
import type { EventsHub } from './events/hub.ts';
import { streamEvents } from './events/stream.ts';
import { isTerminal } from './lifecycle.pure.ts';
import type { LiveRequest } from './live.ts';
import type { RequestLookup } from './lookup.ts';
import { findRequestFile } from './requests.sql.ts';
import { SIMULATE } from './simulation/wish.pure.ts';
import { type SubmitDeps, submitRequest } from './submit.ts';
import {
  type ViewContext,
  viewCancelRequested,
  viewEndedResult,
  viewEndedStatus,
  viewLiveResult,
  viewLiveStatus,
  viewNotCancellable,
  viewSubmit,
} from './view.pure.ts';

interface Deps extends SubmitDeps, CancelDeps, ServeDeps {
  readonly lookup: RequestLookup;
  readonly events: EventsHub;
  readonly cancelledWord: ViewContext['cancelledWord'];
  readonly position: (request: LiveRequest) => number | undefined;
  /** Resolves once the request has ended, or after the time. */
  readonly waitForEnd: (requestId: string, waitMs: number) => Promise<void>;
}

export function registerRequestRoutes<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('submitRequest', async (call) => await submit(deps, call));
  routes.serve('getRequestStatus', async (call) => {
    const context = contextOf(deps, call);
    const found = await orUnreadable(deps.lookup.require(addressOf(call)));
    deps.simulator?.poll(found.kind === 'live' ? found.request.id : found.row.id);
    const view =
      found.kind === 'live'
        ? viewLiveStatus(context, found.request, deps.position(found.request))
        : viewEndedStatus(context, found.row);
    // Rule 17: the one strict client that cannot take this key sends exactly this.
    if (call.request.headers.accept === 'application/json; charset=UTF-8') delete view.instance_id;
    return { body: view };
  });
  routes.serve('getRequestResult', async (call) => {
    const context = contextOf(deps, call);
    const found = await orUnreadable(deps.lookup.require(addressOf(call)));
    return { body: found.kind === 'live' ? viewLiveResult(found.request) : viewEndedResult(context, found.row) };
  });
  routes.serveRaw('getRequestEvents', async (call, reply) => {
    const context = contextOf(deps, call);
    return await orUnreadable(streamEvents(deps, { address: addressOf(call), context, reply }));
  });
  routes.serve('cancelRequest', async (call) => await cancel(deps, call));
  routes.servePublic('headFile', async (call, reply) => {
    const file = await openFile(deps, call);
    return reply.code(file.status).headers(file.headers).send();
  });
  routes.servePublic('getFile', async (call, reply) => {
    const file = await openFile(deps, call);
    return reply.code(file.status).headers(file.headers).send(file.body);
  });
}

async function submit(deps: Deps, call: AccountCall<Caller>) {
  const { request, params, query, account } = call;
  const context = contextOf(deps, call);
  const deploymentId = requireUuid(params['deployment_id'], 'deployment');
  const waitMs = readPrefer(request.headers['prefer']);
  const { value, held } = await readBodyHolding(request.body);
  const submitted = await submitRequest(deps, {
    accountId: account.id,
    tokenId: account.token.id,
    deploymentId,
    body: value,
    held,
    query,
    webhookBase: () => `${call.base()}/prod/${call.version}`,
    idempotency: await readIdempotency(call, deploymentId),
    simulate: deps.simulator && request.headers[SIMULATE],
    traceContext: contextOfCall(request),
  });
  const address = { deploymentId: deploymentId.toLowerCase(), requestId: submitted.requestId };
  metrics.submitted(submitted.isReplay ? 'replayed' : 'accepted');
  const headers = submitted.isReplay ? { 'idempotent-replayed': 'true' } : undefined;
  const body = viewSubmit(context, address);
  const ended = waitMs > 0 ? await waitForResult(deps, { ...address, accountId: account.id }, waitMs) : undefined;
  const applied = waitMs > 0 ? { ...headers, 'preference-applied': 'wait' } : headers;
  const extra = applied === undefined ? {} : { headers: applied };
  if (ended === undefined) return { body, ...extra };
  // The four keys and the result's fields together; `request_id` is in both.
  return { body: `${JSON.stringify(body).slice(0, -1)},${viewEndedResult(context, ended).slice(1)}`, ...extra };
}

// A poll that fails for a reason nobody foresaw says that the request itself goes on (10005).
async function orUnreadable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const isForeseen = error instanceof ApiError || isDatabaseUnavailable(error);
    throw isForeseen ? error : new ApiError(10005, undefined, { cause: error });
  }
}

async function waitForResult(
  deps: Deps,
  address: { accountId: string; deploymentId: string; requestId: string },
  waitMs: number,
) {
  await deps.waitForEnd(address.requestId, waitMs);
  if (deps.live.get(address.requestId)) return undefined;
  try {
    const found = await deps.lookup.require(address);
    return found.kind === 'ended' && found.row.finished_at !== null ? found.row : undefined;
  } catch {
    // It was accepted, and no answer may say otherwise: not when its deployment was deleted meanwhile, nor when it cannot
    // be read.
    return undefined;
  }
}

async function cancel(deps: Deps, call: AccountCall<Caller>) {
  const context = contextOf(deps, call);
  const address = addressOf(call);
  const found = await deps.lookup.require(address);
  const requestId = found.kind === 'live' ? found.request.id : found.row.id;
  const isElsewhere = found.kind === 'ended' && !isTerminal(found.row.state);
  const wished =
    found.kind === 'live' ? await cancelRequest(deps, requestId) : isElsewhere && (await wishCancel(deps, requestId));
  if (wished === 'requested') return viewCancelRequested(context, requestId);
  const now = await deps.lookup.require(address);
  // It ended between the two looks, or had ended before.
  return now.kind === 'live'
    ? viewCancelRequested(context, requestId)
    : viewNotCancellable(context, requestId, now.row.state);
}

async function openFile(deps: Deps, call: Call) {
  const { request } = call;
  const parsed = parseOutputPath(request.url.split('?')[0] ?? '');
  const isOurs = parsed !== undefined && isUuid(parsed.requestId) && parsed.name.type !== 'input';
  if (!isOurs) throw new ApiError(404001, 'There is no file at this address.');
  const { requestId, name } = parsed;
  const path = name.subfolder === '' ? name.filename : `${name.subfolder}/${name.filename}`;
  const kind = name.type === 'temp' ? 'temp' : 'output';
  const row = await findRequestFile(deps.db, { requestId: requestId.toLowerCase(), kind, path });
  if (row === undefined)
    throw new ApiError(
      404001,
      `There is no file ${name.filename} at this address (files are kept for a limited time).`,
    );
  const content = row.content
    ? { kind: 'inline' as const, bytes: row.content }
    : { kind: 'stored' as const, key: row.storage_key ?? '' };
  const reply = await sendStoredFile(
    deps,
    {
      sizeBytes: row.size_bytes,
      sha256: row.sha256,
      contentType: row.content_type,
      filename: name.filename,
      modifiedAtMs: row.created_at,
      content,
    },
    { method: request.method, headers: request.headers },
  );
  if (reply.kind === 'reply') return reply;
  deps.log.error({ requestId, key: row.storage_key }, 'a recorded file is not in the storage');
  throw new ApiError(404001, `The bytes of ${name.filename} are gone.`);
}

function contextOf(deps: Deps, call: Call): ViewContext {
  return { base: call.base(), version: call.version, cancelledWord: deps.cancelledWord };
}

function addressOf({ params, account }: AccountCall<Caller>) {
  const deploymentId = requireUuid(params['deployment_id'], 'deployment');
  const requestId = params['request_id'] ?? '';
  return { accountId: account.id, deploymentId, requestId };
}

function requireUuid(id: string | undefined, kind: string): string {
  if (id !== undefined && isUuid(id)) return id;
  throw new ApiError(404001, `There is no ${kind} ${(id ?? '').slice(0, 100)}.`);
}

function readPrefer(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header.join(',') : header;
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(text ?? '')?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), WAIT_SECONDS_MAX) * 1000;
}

async function readIdempotency(call: AccountCall<Caller>, deploymentId: string) {
  const key = call.request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > IDEMPOTENCY_KEY_CHARACTERS) {
    const msg = `Idempotency-Key must have 1 to ${IDEMPOTENCY_KEY_CHARACTERS} characters.`;
    throw validationError([{ loc: ['header', 'idempotency-key'], msg, type: 'invalid_header' }]);
  }
  const { body } = call.request;
  const hash = createHash('sha256').update(deploymentId.toLowerCase());
  // The webhook may come in the query, so it is part of what the key stands for.
  hash.update(JSON.stringify([call.query['webhook'], call.query['webhook_intermediate_status']]));
  if (Buffer.isBuffer(body)) await updateInSteps(hash, body);
  return { key, bodySha256: hash.digest('hex') };
}
