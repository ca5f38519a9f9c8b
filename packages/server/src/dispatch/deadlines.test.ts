import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { createLiveIndex, type StopWish } from '../requests/live.ts';
import { createDeadlines } from './deadlines.ts';

function open() {
  const state = { now: 0, served: new Set<string>() };
  const live = createLiveIndex();
  const ended: [string, StopWish][] = [];
  const deadlines = createDeadlines({
    tick: () => state.now,
    live,
    dispatcher: {
      stopRequest(request, wish) {
        request.stop = wish;
        ended.push([request.id, wish]);
        live.remove(request.id);
      },
    },
    startTimeoutMs: 900_000,
    waitingDeployments: () => new Set([...live.all()].map(({ deploymentId }) => deploymentId)),
    hasReady: (deploymentId) => state.served.has(deploymentId),
    whyWaiting: (deploymentId) => `waiting for an instance: ${deploymentId} has no GPU.`,
  });
  return {
    ended,
    live,
    state,
    sweepAt(now: number) {
      state.now = now;
      deadlines.sweep();
    },
  };
}

it('ends what waited for the start time-out while its own deployment had no ready instance, with the cause', () => {
  const { ended, live, state, sweepAt } = open();
  state.served.add('served');
  live.add(makeLiveRequest({ id: 'a', deploymentId: 'failing' }));
  live.add(makeLiveRequest({ id: 'b', deploymentId: 'served' }));
  sweepAt(0);
  live.add(makeLiveRequest({ id: 'late', deploymentId: 'failing', createdAt: 500_000 }));
  sweepAt(900_000);
  expect(ended).toEqual([]);
  sweepAt(900_001);
  expect(ended).toEqual([
    [
      'a',
      {
        kind: 'fail',
        code: 10007,
        details:
          'Not started within the start time-out (900 s): it waited 900 s in the queue. Waiting for an instance: failing has no GPU.',
      },
    ],
  ]);
});

it('gives a replacement the whole start time-out, however long the request waits already', () => {
  const { ended, live, state, sweepAt } = open();
  state.served.add('busy');
  live.add(makeLiveRequest({ id: 'a', deploymentId: 'busy' }));
  sweepAt(3_000_000);
  state.served.clear();
  sweepAt(3_000_001);
  sweepAt(3_900_001);
  expect(ended).toEqual([]);
  sweepAt(3_900_002);
  expect(ended).toHaveLength(1);
});

it('ends nothing that has started, also while its instance is not heard of after a restart', () => {
  const { ended, live, sweepAt } = open();
  const timed = { phase: 'leased', startBy: 10_000 } as const;
  live.add(makeLiveRequest({ id: 'started', ...timed, startedAt: 5_000 }));
  live.add(makeLiveRequest({ id: 'given', ...timed }));
  sweepAt(10_000);
  expect(ended.map(([id]) => id)).toEqual(['given']);
});

it('ends nobody for a clock that was set', () => {
  const { ended, live, sweepAt } = open();
  const HOUR_MS = 3_600_000;
  live.add(makeLiveRequest({ id: 'ahead', createdAt: HOUR_MS, createdTick: 0, startBy: HOUR_MS + 20_000 }));
  live.add(makeLiveRequest({ id: 'back', createdAt: -HOUR_MS, createdTick: 0, startBy: -HOUR_MS + 10_000 }));
  sweepAt(0);
  expect(ended).toEqual([]);
  sweepAt(10_000);
  sweepAt(20_000);
  expect(ended.map(([id]) => id)).toEqual(['back', 'ahead']);
});
