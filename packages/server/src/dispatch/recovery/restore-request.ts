// A row of a request that has not ended → the live request it goes on as. Called by resume-leased.ts and enter-waiting.ts.
import type { Funds } from '../../billing/funds.ts';
import type { LiveRequest } from '../../requests/live.ts';
import type { LiveRow } from '../../requests/recover.sql.ts';
import { startTrace } from '../../requests/report.pure.ts';

export function restoreRequest(row: LiveRow, { funds, now }: { funds: Funds | undefined; now: number }): LiveRequest {
  const isLeased = row.state === 'active';
  return {
    id: row.id,
    accountId: row.account_id,
    deploymentId: row.deployment_id,
    versionId: row.version_id,
    priority: row.priority,
    createdAt: row.created_at,
    createdTick: performance.now() - Math.max(0, now - row.created_at),
    startBy: row.start_by ?? undefined,
    runWithinMs: row.run_within_seconds === null ? undefined : row.run_within_seconds * 1000,
    hasWebhook: row.has_webhook,
    phase: isLeased ? 'leased' : 'queued',
    epoch: row.epoch,
    sentEpoch: row.sent_epoch ?? undefined,
    losses: row.losses,
    unsent: 0,
    instanceId: row.instance_id ?? undefined,
    promptId: row.prompt_id ?? undefined,
    leasedAt: row.leased_at ?? undefined,
    isOnInstance: false,
    // The lease is the best that is known of when it went to the instance.
    startedAt: isLeased ? (row.leased_at ?? undefined) : undefined,
    runTick: undefined,
    ranMs: undefined,
    hold: funds?.restore({
      accountId: row.account_id,
      tokenId: row.token_id ?? undefined,
      deploymentId: row.deployment_id,
      sku: row.hardware ?? '',
    }),
    trace: isLeased
      ? startTrace({ because: 'resumed', waiting: 0, readyAt: 0, ahead: 0, whyThere: undefined })
      : undefined,
    payload: undefined,
    stop: row.cancel_requested_at === null ? undefined : { kind: 'cancel' },
    onStop: undefined,
    models: undefined,
    laneIndex: -1,
    progress: undefined,
    notes: undefined,
    watchers: undefined,
  };
}
