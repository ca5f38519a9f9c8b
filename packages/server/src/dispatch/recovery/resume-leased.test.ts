import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { LiveRequest } from '../../requests/live.ts';
import type { LiveRow } from '../../requests/recover.sql.ts';
import { createLog } from '../../telemetry/log.ts';
import { type ResumeDeps, resumeLeased } from './resume-leased.ts';

const row = {
  ...{ id: 'r1', account_id: 'a1', deployment_id: 'd1', version_id: 'v1', state: 'active', priority: 0, epoch: 1 },
  ...{ instance_id: 'i1', prompt_id: 'p1', leased_at: 1, created_at: 1, losses: 0, sent_epoch: null, start_by: null },
  ...{ run_within_seconds: null, has_webhook: false, webhook_intermediate: false, cancel_requested_at: 2 },
} as Partial<LiveRow> as LiveRow;

test('a cancelled request whose instance cannot be asked about is ended in time, without a word of the instance', async () => {
  const live = new Map<string, LiveRequest>();
  const ended: LiveRequest[] = [];
  const deps = {
    clock: { now: () => 0 },
    live: { get: (id: string) => live.get(id), add: (request: LiveRequest) => void live.set(request.id, request) },
    fleet: { get: () => undefined, settling: () => new Promise(() => undefined) },
    dispatcher: {
      backlog: { isCancelled: () => false },
      // What is to stop is ended there.
      restoreWaiting: (request: LiveRequest) => void ended.push(request),
    },
    log: createLog('silent'),
    stopsWithinMs: 20,
  } as unknown as ResumeDeps;
  expect(await resumeLeased(deps, [row])).toBe(1);
  await until('it is ended', () => ended.length === 1);
  expect(ended[0]).toMatchObject({ id: 'r1', phase: 'leased', epoch: 1, stop: { kind: 'cancel' } });
});

test('one whose instance ended meanwhile waits again, with nothing of its lost attempt', async () => {
  const live = new Map<string, LiveRequest>();
  const waiting: [LiveRequest, string | undefined][] = [];
  const deps = {
    live: { get: (id: string) => live.get(id), add: (request: LiveRequest) => void live.set(request.id, request) },
    fleet: { get: () => undefined, settling: () => undefined },
    writes: { returnLease: () => Promise.resolve(true) },
    clock: { now: () => 5_000 },
    maxAttempts: 3,
    dispatcher: {
      backlog: { isCancelled: () => false },
      restoreWaiting: (request: LiveRequest, place?: string) => void waiting.push([request, place]),
    },
  } as unknown as ResumeDeps;
  await resumeLeased(deps, [{ ...row, cancel_requested_at: null }]);
  expect(waiting.map(([, place]) => place)).toEqual(['head']);
  const lost = { instanceId: undefined, promptId: undefined, leasedAt: undefined, startedAt: undefined };
  expect(waiting[0]?.[0]).toMatchObject({ phase: 'queued', losses: 1, ...lost, trace: undefined });
});
