// How long a warm-up call holds its instances.
import { expect, it } from 'vitest';
import { makeMember } from '../../testing/make-member.ts';
import type { SeenInstance } from './combine-members.pure.ts';
import { beginWarmUp, settleWarmUp, type WarmUp } from './warm-up.pure.ts';

const ASKED: WarmUp = { instances: 2, until: 600_000, isReached: false };

function seen(ready: number, starting = 0, maxInstances = 3) {
  const member = makeMember('deployment', { maxInstances });
  const one = (phase: SeenInstance['phase'], index: number): SeenInstance => {
    return { id: `${phase}-${index}`, phase, since: 0, fingerprint: 'f', pending: 0, lastUsedAt: undefined };
  };
  const instances = [
    ...Array.from({ length: ready }, (_, index) => one('ready', index)),
    ...Array.from({ length: starting }, (_, index) => one('starting', index)),
  ];
  return { members: [member], instances };
}

it('waits for its instances, and counts the keep-warm time from when all of them are there', () => {
  expect(settleWarmUp(ASKED, seen(1, 1), 1_000)).toEqual(ASKED);
  const reached = settleWarmUp(ASKED, seen(2), 5_000);
  expect(reached).toEqual({ instances: 2, until: 65_000, isReached: true });
  expect(settleWarmUp(reached, seen(2), 30_000)).toEqual(reached);
  expect(settleWarmUp(reached, seen(2), 65_000)).toBeUndefined();
});

it('is reached with as many as there may be, and given up when its time is over before', () => {
  expect(settleWarmUp(ASKED, seen(1, 0, 1), 5_000)?.isReached).toBe(true);
  expect(settleWarmUp(ASKED, seen(0, 2), 600_000)).toBeUndefined();
  expect(settleWarmUp(undefined, seen(2), 0)).toBeUndefined();
});

it('of several calls the highest number counts, from the last one on for a start and keep-warm', () => {
  const first = beginWarmUp(undefined, { instances: 3, keepWarmMs: 60_000, startTimeoutMs: 900_000 }, 1_000);
  expect(first).toEqual({ instances: 3, until: 961_000, isReached: false });
  const reached = { ...first, isReached: true };
  expect(beginWarmUp(reached, { instances: 1, keepWarmMs: 0, startTimeoutMs: 900_000 }, 2_000)).toEqual({
    instances: 3,
    until: 902_000,
    isReached: false,
  });
});
