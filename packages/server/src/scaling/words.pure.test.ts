import { expect, it } from 'vitest';
import { describeStatus, describeWaiting, type PoolFacts } from './words.pure.ts';

const NOW = 1_000_000;
const facts = (of: Partial<PoolFacts> = {}): PoolFacts => ({
  now: NOW,
  closedBecause: undefined,
  isUnfunded: false,
  ready: 0,
  busy: 0,
  maxInstances: 3,
  starting: [],
  lost: [],
  failed: undefined,
  nextTryAt: undefined,
  coldStartMs: undefined,
  ...of,
});
const failed = { count: 3, since: NOW - 40_000, lastAt: NOW - 5_000, cause: 'no GPU is free' };

it.each([
  [{}, 'standby', undefined],
  [{ unpaid: 'whether the account can pay is being asked' }, 'standby', 'whether the account can pay is being asked'],
  [{ closedBecause: 'the deployment is disabled', ready: 1 }, 'disabled', 'the deployment is disabled'],
  [{ isUnfunded: true }, 'disabled', 'the funds do not allow new runs'],
  [{ ready: 1, failed }, 'running', undefined],
  [
    { starting: [{ since: NOW - 12_000, words: 'pulling the image' }], coldStartMs: 41_000 },
    'starting',
    'starting since 12 s: pulling the image (usually ready after 41 s)',
  ],
  [
    { failed, nextTryAt: NOW + 3_000 },
    'error',
    '3 starts failed in a row, for 40 s, the last 5 s ago: no GPU is free; the next try is in 3 s',
  ],
  [
    { failed: { ...failed, count: 1 }, starting: [{ since: NOW, words: undefined }] },
    'error',
    'the last start failed 5 s ago: no GPU is free; another one is starting',
  ],
  [
    { lost: [{ since: NOW - 7_000, reason: 'it closed its websocket' }] },
    'error',
    'it does not answer since 7 s: it closed its websocket',
  ],
] as const)('the status of %j is %s', (of, status, reason) => {
  expect(describeStatus(facts(of))).toEqual({ status, reason });
});

it('a request is told what it waits for', () => {
  expect(describeWaiting(facts(), false)).toBe('waiting for an instance: none has been asked for yet.');
  expect(describeWaiting(facts({ ready: 2, busy: 2, starting: [{ since: NOW, words: undefined }] }), false)).toBe(
    'waiting for a free instance: 2 of 2 ready ones busy, 1 more starting (max_instances is 3).',
  );
  expect(describeWaiting(facts({ failed }), false)).toContain('for 40 s');
});

it('in brief, nothing changes while only time passes', () => {
  const at = (now: number) =>
    [
      facts({ now, failed, nextTryAt: NOW + 60_000 }),
      facts({ now, starting: [{ since: NOW - 1_000, words: 'pulling the image' }], coldStartMs: 41_000 }),
      facts({ now, lost: [{ since: NOW, reason: 'silent' }] }),
    ].map((each) => describeWaiting(each, true));
  expect(at(NOW + 30_000)).toEqual(at(NOW));
  expect(at(NOW)[1]).toBe('waiting for an instance: starting: pulling the image.');
});
