// A live request with only the fields that a test cares about.
import type { LiveRequest } from '../src/requests/live.ts';

export function makeLiveRequest(fields: Partial<LiveRequest> = {}): LiveRequest {
  return {
    id: 'r1',
    accountId: 'a1',
    deploymentId: 'd1',
    versionId: 'v1',
    priority: 0,
    createdAt: 0,
    startBy: undefined,
    runWithinMs: undefined,
    hasWebhook: false,
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
    hold: undefined,
    trace: undefined,
    payload: undefined,
    stop: undefined,
    onStop: undefined,
    models: undefined,
    laneIndex: -1,
    progress: undefined,
    notes: undefined,
    watchers: undefined,
    ...fields,
  };
}
