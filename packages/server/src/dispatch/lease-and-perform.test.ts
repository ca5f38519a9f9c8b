// What becomes of a lease when its instance is not there any more once it is written.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { until } from '../../testing/until.ts';
import type { Sql } from '../db/sql.ts';
import type { Instance } from '../instances/fleet.ts';
import type { FinishedRequest } from '../requests/finish.sql.ts';
import type { LostLease } from '../requests/lease.sql.ts';
import { createLiveIndex } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { createLog } from '../telemetry/log.ts';
import { createBoard, type DispatchDeps, slotsOf } from './board.ts';
import { leaveUnsent } from './leave-instance.ts';
import { pump } from './loop.ts';
import { joinPool } from './pools.ts';

function makeInstance() {
  const asked: string[] = [];
  const connection = {
    clientId: () => void asked.push('clientId'),
    lastCause: () => 'asked for its client id',
  };
  const fields = { id: 'i1', pool: 'default', spec: undefined, since: 0, busyMs: 0, connection };
  return { asked, instance: { ...fields, phase: 'ready', reason: undefined } as unknown as Instance };
}

it.each(['lost', 'draining'] as const)('is given back unsent when the instance is %s', async (phase) => {
  const { asked, instance } = makeInstance();
  const live = createLiveIndex();
  const returned: LostLease[] = [];
  let endLease: (isTaken: boolean) => void = () => undefined;
  const writes = {
    lease: () => new Promise<boolean>((resolve) => (endLease = resolve)),
    returnLease: (lost: LostLease) => Promise.resolve(returned.push(lost) > 0),
  };
  const execution = {
    ...{ clock: { now: () => 0 }, log: createLog('silent'), live, writes },
    limits: { maxAttempts: 3, startTimeoutMs: 1_000 },
  };
  const board = createBoard({ newId: () => 'p1', execution } as unknown as DispatchDeps, pump);
  board.limits.set('d1', 1);
  board.isOpen = true;
  joinPool(board, slotsOf(board, instance));
  const payload = { media: [], prepared: { models: () => [] } } as unknown as RequestPayload;
  const request = makeLiveRequest({ payload });
  live.add(request);
  board.waiting.push(request);
  board.pump();
  expect(request).toMatchObject({ phase: 'leased', instanceId: 'i1' });
  Object.assign(instance, { phase, reason: 'it stands still' });
  leaveUnsent(board, instance);
  endLease(true);
  await until('it waits again', () => request.phase === 'queued');
  expect(returned).toMatchObject([{ requestId: 'r1', epoch: 1, losses: 0, cause: 'it stands still' }]);
  expect([asked, board.waiting.size]).toEqual([[], 1]);
});

it('a request that was cancelled while its lease was repeated ends under the epoch that the first try kept', async () => {
  const { instance } = makeInstance();
  const live = createLiveIndex();
  const finished: FinishedRequest[] = [];
  const query = async ({ text }: Sql) => (/cancel_requested_at/.test(text) ? [{ wished: true }] : [{ epoch: 1 }]);
  const writes = {
    lease: () => Promise.resolve(false),
    finish: (ended: FinishedRequest) => Promise.resolve(finished.push(ended) > 0),
  };
  const recent = { add: () => undefined };
  const execution = { ...{ clock: { now: () => 0 }, log: createLog('silent'), live, recent, writes, db: { query } } };
  const board = createBoard({ newId: () => 'p1', execution } as unknown as DispatchDeps, pump);
  board.limits.set('d1', 1);
  board.isOpen = true;
  joinPool(board, slotsOf(board, instance));
  const request = makeLiveRequest({ payload: { media: [] } as unknown as RequestPayload });
  live.add(request);
  board.waiting.push(request);
  board.pump();
  await until('it ends', () => live.get(request.id) === undefined);
  expect(finished).toMatchObject([{ id: 'r1', epoch: 1, state: 'cancelled' }]);
});
