// The submit use case: load, gate, build, insert, hand over. Called by routes.ts; answers once the request is durable.
import {
  ApiError,
  checkSubmitBody,
  checkSubmitQuery,
  IDEMPOTENCY_HOURS,
  SUBMIT_KEYS,
  validationError,
  webhookOf,
} from '@comfleet/api';
import { isJsonObject, type JsonObject, type JsonValue } from '@comfleet/comfyui';
import { type Funds, type Hold, NOTHING_SPENT } from '../billing/funds.ts';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import { judgeSubmit } from '../deployments/gate.pure.ts';
import type { InputCache } from '../files/input-cache.ts';
import type { HeldTexts } from '../http/held-texts.ts';
import { restoreTexts } from '../http/read-body.ts';
import type { Clock } from '../telemetry/clock.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { Log } from '../telemetry/log.ts';
import { traces } from '../telemetry/traces.ts';
import type { Versions } from '../workflows/versions.ts';
import { checkWebhookTarget } from './check-webhook.ts';
import { judgeRunning } from './end-refused.ts';
import type { NewRequest } from './insert.sql.ts';
import { type LiveIndex, type LiveRequest, wishStop } from './live.ts';
import { type Explored, loadVersion } from './load-version.ts';
import { newLiveRequest } from './new-live-request.ts';
import { buildPayload, GRAPH_KEYS, type RequestPayload } from './payload.ts';
import { findIdempotencyKey } from './requests.sql.ts';
import type { Simulator } from './simulation/simulator.ts';
import type { SimulationWish } from './simulation/wish.pure.ts';
import { tellQueued, tellStart } from './tell-start.ts';
import type { RequestWrites } from './writes.ts';

/** Where accepted requests go. Implemented by dispatch; only its names are known here. */
export interface RequestQueue {
  /** An idle instance that takes this request at once, if there is one; then the row is inserted already leased. */
  reserve(request: LiveRequest): boolean;
  /** The insert failed: the instance is free again. */
  release(request: LiveRequest): void;
  /** The request is durable: run it where it was reserved, or let it wait. */
  accept(request: LiveRequest): void;
}

export interface SubmitDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly directory: DeploymentDirectory;
  readonly versions: Versions;
  readonly inputCache: InputCache;
  readonly live: LiveIndex;
  readonly writes: RequestWrites;
  readonly queue: RequestQueue;
  /** How many unfinished requests a deployment has. */
  readonly countWaiting: (deploymentId: string) => number | Promise<number>;
  /** Asks an instance of the deployment's own which nodes exist; where none runs yet, one is started for that. */
  readonly exploreOwn?: (deployment: Deployment) => Promise<Explored | undefined>;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Undefined unless this is a sandbox. */
  readonly simulator: Simulator | undefined;
  /** host:port that webhooks may call although private. */
  readonly webhookHosts: ReadonlySet<string>;
  readonly limits: { readonly maxDataUriBytes: number; readonly queueLimit: number };
}

export interface SubmitInput {
  readonly accountId: string;
  readonly tokenId: string;
  readonly deploymentId: string;
  readonly body: JsonValue;
  /** What the placeholders in the body stand for. */
  readonly held?: HeldTexts | undefined;
  readonly query: Record<string, unknown>;
  /** What the call came through, "<base>/prod/<version>"; only asked for when a webhook will need it. */
  readonly webhookBase: () => string;
  readonly idempotency: { readonly key: string; readonly bodySha256: string } | undefined;
  /** The header that asks for an error; only read on a sandbox. */
  readonly simulate: string | string[] | undefined;
  /** What its span belongs below; undefined unless traces are on. */
  readonly traceContext: Parameters<typeof traces.requestAccepted>[1];
}

export interface Submitted {
  readonly requestId: string;
  readonly isReplay: boolean;
}

export async function submitRequest(deps: SubmitDeps, input: SubmitInput): Promise<Submitted> {
  const deployment = await deps.directory.require(input.deploymentId, input.accountId);
  const replay = await findReplay(deps, input);
  if (replay) return replay;
  await requireOpen(deps, deployment);
  const { accountId, tokenId } = input;
  const sku = deployment.row.hardware;
  const simulated = deps.simulator?.readSubmit(input.simulate, input.body);
  const hold = isPretended(simulated)
    ? undefined
    : await deps.funds?.take({ accountId, tokenId, deploymentId: deployment.id, sku });
  try {
    return await acceptRequest(deps, input, { deployment, hold, simulated });
  } catch (error) {
    hold?.settle(NOTHING_SPENT);
    throw error;
  }
}

async function requireOpen(deps: SubmitDeps, deployment: Deployment): Promise<void> {
  const gate = judgeSubmit(deployment);
  if (gate.kind === 'open') return;
  const funds = gate.code === 10001 ? await deps.funds?.explain(deployment.accountId) : undefined;
  throw new ApiError(gate.code, funds === undefined ? gate.message : `${gate.message} ${funds}`);
}

async function acceptRequest(
  deps: SubmitDeps,
  input: SubmitInput,
  given: { deployment: Deployment; hold: Hold | undefined; simulated: SimulationWish | undefined },
): Promise<Submitted> {
  const { deployment, hold, simulated } = given;
  const body = readBody(deps, input);
  if (simulated !== undefined) await deps.simulator?.prepare(simulated, { deploymentId: deployment.id, body });
  await requireRoom(deps, deployment);
  const payload = await makePayload(deps, input, { deployment, body, isPretended: isPretended(simulated) });
  const request = newLiveRequest(deps, {
    deployment,
    body,
    payload,
    hold,
    hasWebhook: webhookOf(input.query, body).url !== undefined,
  });
  return await insertAndHandOver(deps, input, { request, body, payload, simulated });
}

/** It ends by the simulator's hand and costs nothing. */
function isPretended(simulated: SimulationWish | undefined): boolean {
  return simulated !== undefined && simulated.place !== 'status';
}

async function makePayload(
  deps: SubmitDeps,
  input: SubmitInput,
  given: { deployment: Deployment; body: JsonObject; isPretended: boolean },
): Promise<RequestPayload | undefined> {
  const version = await loadVersion(deps, given.deployment, given.isPretended);
  if (version === undefined) return undefined;
  const { inputCache, limits } = deps;
  return await buildPayload(
    { inputCache, maxDataUriBytes: limits.maxDataUriBytes, held: input.held, accountId: input.accountId },
    version,
    given.body,
  );
}

function readBody(deps: SubmitDeps, input: SubmitInput): JsonObject {
  if (input.held !== undefined) releaseTexts(input.held, input.body);
  const problems = [...checkSubmitQuery(input.query), ...checkSubmitBody(input.body)];
  if (problems.length > 0) throw validationError(problems);
  const body = input.body as JsonObject;
  const wish = webhookOf(input.query, body);
  const refused = checkWebhookTarget({ query: input.query, wish }, deps.webhookHosts);
  if (refused.length > 0) throw validationError(refused);
  return body;
}

// Only media is used as bytes; every other long text that is read at all is read as text.
function releaseTexts(held: HeldTexts, body: JsonValue): void {
  if (!isJsonObject(body)) return;
  for (const key of SUBMIT_KEYS) {
    const value = body[key];
    if (value === undefined) continue;
    body[key] = restoreTexts(held, value, (_placeholder, text) => GRAPH_KEYS.includes(key) && text.isDataUri);
  }
}

async function requireRoom(deps: SubmitDeps, deployment: Deployment): Promise<void> {
  const counted = deps.countWaiting(deployment.id);
  const waiting = typeof counted === 'number' ? counted : await counted;
  if (waiting < deps.limits.queueLimit) return;
  const message = `Deployment ${deployment.id} has ${waiting} unfinished requests, its limit. Nothing was accepted; try again later.`;
  throw new ApiError(429001, message, { headers: { 'retry-after': '5' } });
}

async function insertAndHandOver(
  deps: SubmitDeps,
  input: SubmitInput,
  made: Made & { simulated: SimulationWish | undefined },
): Promise<Submitted> {
  const { request, simulated } = made;
  deps.live.add(request);
  if (!isPretended(simulated)) deps.queue.reserve(request);
  let wantsStates = false;
  try {
    const row = toRow(input, made);
    wantsStates = row.webhookUrl !== undefined && row.webhookIntermediate;
    if (input.idempotency === undefined) await deps.writes.insert(row);
    else if (!(await deps.writes.insertUnderKey(row, { ...input.idempotency, staleBefore: staleBefore(deps) }))) {
      // Another submit with this key came in between: it is the one.
      dropUnaccepted(deps, request);
      const winner = await findReplay(deps, input);
      if (winner) return winner;
      throw new ApiError(409001, 'The Idempotency-Key is in use by another submit; try again.');
    }
  } catch (error) {
    dropUnaccepted(deps, request);
    throw error;
  }
  crashPoint(input.idempotency === undefined ? 'before-accept' : 'after-key-commit');
  traces.requestAccepted(request, input.traceContext);
  if (wantsStates) {
    tellStart(deps, request);
    await tellQueued(deps, request);
  }
  await stopIfClosedMeanwhile(deps, request);
  if (simulated === undefined || !deps.simulator?.take(request, simulated)) deps.queue.accept(request);
  return { requestId: request.id, isReplay: false };
}

// A disable or delete that was acknowledged while the body was read must not see this request dispatched. The row is
// durable: a database that goes away just now must not make the caller believe otherwise.
async function stopIfClosedMeanwhile(deps: SubmitDeps, request: LiveRequest) {
  const deployment = await persist(() => deps.directory.find(request.deploymentId));
  const wish = deployment && judgeRunning(deployment);
  if (wish) wishStop(request, wish);
}

function dropUnaccepted(deps: SubmitDeps, request: LiveRequest) {
  request.hold?.settle(NOTHING_SPENT);
  deps.queue.release(request);
  deps.live.remove(request.id);
}

interface Made {
  readonly request: LiveRequest;
  readonly body: JsonObject;
  readonly payload: RequestPayload | undefined;
}

function toRow(input: SubmitInput, made: Made): NewRequest {
  const { request, body, payload } = made;
  const webhook = webhookOf(input.query, body);
  const metadata = body['metadata'];
  const { instanceId, promptId } = request;
  return {
    id: request.id,
    accountId: request.accountId,
    tokenId: input.tokenId,
    deploymentId: request.deploymentId,
    versionId: request.versionId,
    priority: request.priority,
    createdAt: request.createdAt,
    startBy: request.startBy,
    runWithinMs: request.runWithinMs,
    webhookUrl: webhook.url,
    webhookIntermediate: webhook.isIntermediate,
    webhookBase: webhook.url === undefined ? undefined : input.webhookBase(),
    metadata: metadata === undefined || metadata === null ? undefined : JSON.stringify(metadata),
    body: payload?.body ?? '{}',
    extraData: payload?.extraData,
    lease: instanceId === undefined || promptId === undefined ? undefined : { instanceId, promptId },
  };
}

function staleBefore(deps: SubmitDeps): number {
  return deps.clock.now() - IDEMPOTENCY_HOURS * 3_600_000;
}

async function findReplay(deps: SubmitDeps, input: SubmitInput): Promise<Submitted | undefined> {
  if (input.idempotency === undefined) return undefined;
  const { key, bodySha256 } = input.idempotency;
  await deps.writes.forgetRefused();
  const known = await findIdempotencyKey(deps.db, { accountId: input.accountId, key });
  if (known === undefined || known.created_at < staleBefore(deps)) return undefined;
  if (known.body_sha256 !== bodySha256) {
    const message = 'This Idempotency-Key was used with another body or deployment within the last 24 hours.';
    throw new ApiError(409001, message);
  }
  return { requestId: known.request_id, isReplay: true };
}
