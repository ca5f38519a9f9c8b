// When a pool rests.
import { expect, it } from 'vitest';
import { makeMember } from '../../testing/make-member.ts';
import { isAtRest } from './at-rest.pure.ts';
import type { MemberDemand } from './combine-members.pure.ts';

it('a pool rests when nothing waits, nothing exists and nothing is wanted', () => {
  const rests = (members: MemberDemand[], isWarmingUp = false) => isAtRest({ members, instances: [], isWarmingUp });
  expect(rests([makeMember('plain')])).toBe(true);
  expect(rests([makeMember('waiting', { waiting: 1 })])).toBe(false);
  expect(rests([makeMember('kept', { minInstances: 1 })])).toBe(false);
  expect(rests([makeMember('plain')], true)).toBe(false);
  expect(rests([makeMember('kept', { minInstances: 1, isUnfunded: true })])).toBe(true);
  expect(rests([makeMember('kept', { minInstances: 1, closedBecause: 'the deployment was deleted' })])).toBe(true);
  const seen = {
    id: 'one',
    phase: 'draining' as const,
    since: 0,
    fingerprint: 'f',
    pending: 0,
    lastUsedAt: undefined,
  };
  expect(isAtRest({ members: [makeMember('plain')], instances: [seen], isWarmingUp: false })).toBe(false);
});
