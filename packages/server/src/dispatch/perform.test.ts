// What a request that is given to an instance finds there.
import type { Frame } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { until } from '../../testing/until.ts';
import type { Turn } from '../execution/turn.ts';
import { WATCH_TIMES } from '../execution/watch.ts';
import type { PromptListener } from '../instances/connection.ts';
import type { Instance } from '../instances/fleet.ts';
import { createLiveIndex } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { createLog } from '../telemetry/log.ts';
import { createBoard, type DispatchDeps, slotsOf } from './board.ts';
import { perform } from './perform.ts';

const instance = { id: 'i1', pool: 'default', spec: undefined, since: 0, busyMs: 0, phase: 'ready' };
const prepared = { savePrefixes: () => [], toBody: () => '{}', nodeCount: () => 1, classOf: () => undefined };

it.each([
  [0, false],
  [1, true],
])('a request that was lost %i times takes the instance alone: %s', async (losses, isAlone) => {
  const live = createLiveIndex();
  const writes = { returnLease: () => Promise.resolve(true) };
  const limits = { maxAttempts: 3, startTimeoutMs: 1_000 };
  const execution = { clock: { now: () => 0 }, log: createLog('silent'), live, writes, limits };
  const board = createBoard({ execution } as unknown as DispatchDeps, () => undefined);
  const slots = slotsOf(board, instance as unknown as Instance);
  const wished: unknown[] = [];
  const take: Turn['take'] = async (_signal, wish) => void wished.push(wish);
  Object.assign(slots.turn, { take });
  const payload = { media: [], prepared, extraData: undefined } as unknown as RequestPayload;
  const request = makeLiveRequest({ payload, losses, phase: 'leased', epoch: 1, instanceId: 'i1', promptId: 'p1' });
  live.add(request);
  perform(board, { request, slots, isResumed: false });
  await until('it waits again', () => request.phase === 'queued');
  expect(wished).toEqual([isAlone]);
});

it.each([-1, 1])('what a run took is known although the clock was set by %i h meanwhile', async (hours) => {
  const clock = { at: 1e12, now: () => clock.at };
  let listener: PromptListener | undefined;
  const listen = (_promptId: string, next: PromptListener) => {
    listener = next;
    return () => undefined;
  };
  const submit = async () => ({ kind: 'queued', promptId: 'p1', nodeErrors: new Map() });
  const connection = { clientId: () => 'c1', listen, client: { submit } };
  const live = createLiveIndex();
  const limits = { maxAttempts: 3, startTimeoutMs: 1_000, runTimeoutMs: 60_000 };
  const writes = { finish: () => Promise.resolve(true) };
  const more = { recent: { add: () => undefined }, watchTimes: WATCH_TIMES, reportRun: () => undefined };
  const execution = { clock, log: createLog('silent'), live, writes, limits, ...more };
  const board = createBoard({ execution } as unknown as DispatchDeps, () => undefined);
  const slots = slotsOf(board, { ...instance, connection } as unknown as Instance);
  const payload = { media: [], prepared, extraData: undefined } as unknown as RequestPayload;
  const request = makeLiveRequest({ payload, phase: 'leased', epoch: 1, instanceId: 'i1', promptId: 'p1' });
  live.add(request);
  perform(board, { request, slots, isResumed: false });
  await until('it runs', () => request.phase === 'running');
  clock.at += hours * 3_600_000;
  listener?.onFrame({ type: 'execution_interrupted', promptId: 'p1' } as Frame);
  await until('it has ended', () => live.size === 0);
  expect(slots.meanRunMs).toBeGreaterThan(0);
  expect(slots.meanRunMs).toBeLessThan(60_000);
  expect(board.usage.usedMs('a1')).toBeLessThan(60_000);
});

it('what is taken back in the turn in which its place became free is not sent', async () => {
  const live = createLiveIndex();
  const writes = { returnLease: () => Promise.resolve(true) };
  const limits = { maxAttempts: 3, startTimeoutMs: 1_000 };
  const execution = { clock: { now: () => 0 }, log: createLog('silent'), live, writes, limits };
  const board = createBoard({ execution } as unknown as DispatchDeps, () => undefined);
  const asked: string[] = [];
  const connection = { clientId: () => void asked.push('clientId'), lastCause: () => 'asked for its client id' };
  const slots = slotsOf(board, { ...instance, connection } as unknown as Instance);
  const place = slots.turn.force();
  const take: Turn['take'] = async () => {
    for (const attempt of slots.attempts) attempt.leave('it runs sooner elsewhere');
    return place;
  };
  Object.assign(slots.turn, { take });
  const payload = { media: [], prepared, extraData: undefined } as unknown as RequestPayload;
  const request = makeLiveRequest({ payload, phase: 'leased', epoch: 1, instanceId: 'i1', promptId: 'p1' });
  live.add(request);
  perform(board, { request, slots, isResumed: false });
  await until('it waits again', () => request.phase === 'queued');
  expect([asked, slots.turn.busy]).toEqual([[], 0]);
});
