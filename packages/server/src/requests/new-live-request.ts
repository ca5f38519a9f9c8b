// A submit that was judged good → the live request it becomes. Called by submit.ts.
import { numberOf } from '@comfleet/api';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import type { Hold } from '../billing/funds.ts';
import type { Deployment } from '../deployments/directory.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { LiveRequest } from './live.ts';
import type { RequestPayload } from './payload.ts';

/** About 31 years. A longer deadline is none, and the database's calendar ends somewhere. */
const MAX_DEADLINE_SECONDS = 1e9;

function readSeconds(value: JsonValue | undefined): number | undefined {
  const seconds = numberOf(value);
  return seconds === undefined ? undefined : Math.min(seconds, MAX_DEADLINE_SECONDS);
}

const PRIORITY: Record<string, number> = { low: -1, normal: 0, high: 1 };

export function newLiveRequest(
  deps: { readonly clock: Clock; readonly newId: () => string },
  given: {
    deployment: Deployment;
    body: JsonObject;
    payload: RequestPayload | undefined;
    hold: Hold | undefined;
    hasWebhook: boolean;
  },
): LiveRequest {
  const now = deps.clock.now();
  const startWithin = readSeconds(given.body['start_within_seconds']);
  const runWithin = readSeconds(given.body['run_within_seconds']);
  return {
    id: deps.newId(),
    accountId: given.deployment.accountId,
    deploymentId: given.deployment.id,
    versionId: given.deployment.versionId,
    priority: PRIORITY[String(given.body['priority'] ?? 'normal')] ?? 0,
    createdAt: now,
    createdTick: performance.now(),
    startBy: startWithin === undefined ? undefined : now + startWithin * 1000,
    runWithinMs: runWithin === undefined ? undefined : runWithin * 1000,
    hasWebhook: given.hasWebhook,
    phase: 'queued',
    epoch: 0,
    sentEpoch: undefined,
    losses: 0,
    unsent: 0,
    instanceId: undefined,
    promptId: undefined,
    leasedAt: undefined,
    isOnInstance: false,
    startedAt: undefined,
    runTick: undefined,
    ranMs: undefined,
    hold: given.hold,
    trace: undefined,
    payload: given.payload,
    stop: undefined,
    onStop: undefined,
    models: undefined,
    laneIndex: -1,
    progress: undefined,
    notes: undefined,
    watchers: undefined,
  };
}
