// How instances leave.
import { expect, it } from 'vitest';
import type { SeenInstance } from './combine-members.pure.ts';
import { decideLeaves } from './leave.pure.ts';

const seen = (id: string, fields: Partial<SeenInstance> = {}): SeenInstance => ({
  id,
  phase: 'ready',
  since: 0,
  fingerprint: 'f',
  pending: 0,
  lastUsedAt: undefined,
  ...fields,
});

it('of those taken out of use, one that runs something drains, and one without work ends at once', () => {
  const because = 'max_instances is 1';
  const instances = [seen('busy', { pending: 1 }), seen('idle'), seen('kept'), seen('asked', { phase: 'asked' })];
  const drain = ['busy', 'idle', 'asked', 'unknown'].map((id) => ({ id, because }));
  expect(decideLeaves(instances, drain)).toEqual([
    { id: 'busy', how: 'drain', because },
    { id: 'idle', how: 'end', because },
    { id: 'asked', how: 'end', because },
  ]);
});

it('one that drains ends with its last request, for the reason it was taken out of use', () => {
  const draining = { phase: 'draining' as const, reason: 'it has an earlier version or hardware' };
  expect(decideLeaves([seen('one', { ...draining, pending: 1 })], [])).toEqual([]);
  expect(decideLeaves([seen('one', draining), seen('two', { phase: 'draining' })], [])).toEqual([
    { id: 'one', how: 'end', because: 'it has an earlier version or hardware' },
    { id: 'two', how: 'end', because: 'nothing is left to do on it' },
  ]);
});
