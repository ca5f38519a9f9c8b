// Whose requests end when an account's funds are used up.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Funds, Hold } from '../billing/funds.ts';
import { createLog } from '../telemetry/log.ts';
import { createFundsSweep } from './end-unfunded.ts';
import { createLiveIndex } from './live.ts';

it('ends what waits, and nothing that had started before a restart', async () => {
  const live = createLiveIndex();
  const hold = { reservedMicrodollars: 1 } as Hold;
  live.add(makeLiveRequest({ id: 'queued', hold }));
  live.add(makeLiveRequest({ id: 'given', phase: 'leased', hold }));
  live.add(makeLiveRequest({ id: 'started', phase: 'leased', startedAt: 1, hold }));
  const funds = {
    refresh: () => Promise.resolve(),
    takeEmptied: () => [],
    isEmpty: () => true,
    chooseStops: () => [],
  } as unknown as Funds;
  const stopped: string[] = [];
  const disabled: string[] = [];
  const sweep = createFundsSweep({
    live,
    funds,
    log: createLog('silent'),
    stop: ({ id }) => void stopped.push(id),
    disableAll: (accountId) => Promise.resolve(void disabled.push(accountId)),
  });
  await sweep.sweep();
  expect([stopped, disabled]).toEqual([['queued', 'given'], ['a1']]);
});
