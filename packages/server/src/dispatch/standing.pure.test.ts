// Tables of who goes first and when a run ends; against what assign.pure.ts really chooses: standing.test.ts.
import { expect, it } from 'vitest';
import { type Ahead, endOf, type OtherLane, othersBefore } from './standing.pure.ts';

const SECOND = { meanMs: 1_000, variance: 0 };
const mine = { accountId: 'a', createdAt: 10, before: 3, runMs: 1_000 };
const lane = (fields: Partial<OtherLane>): OtherLane => ({
  accountId: 'b',
  waiting: 50,
  before: 0,
  headCreatedAt: 20,
  time: SECOND,
  ...fields,
});
const usage = (used: Record<string, number>) => ({ usedMs: (accountId: string) => used[accountId] ?? 0 });
const counts = (lanes: readonly OtherLane[], used: Record<string, number> = {}) =>
  othersBefore(mine, lanes, usage(used)).map(({ count }) => count);

it('of its own account those that are older or more urgent go first, whatever was used', () => {
  expect(counts([lane({ accountId: 'a', before: 7 })], { a: 1_000_000 })).toEqual([7]);
});

it('another account goes first until it has used as much as its own will have by then', () => {
  // Three of its own deployment and two more of its account run before: 5 s, and 2 s were used.
  expect(counts([lane({ accountId: 'a', before: 2 }), lane({})], { a: 2_000, b: 4_000 })).toEqual([2, 3]);
  expect(counts([lane({ waiting: 2 }), lane({ waiting: 0 })], { a: 9_000 })).toEqual([2]);
  expect(counts([lane({})], { b: 9_000 })).toEqual([0]);
});

it('of accounts that have used as much the one that has waited longer goes first, once', () => {
  expect(counts([lane({ headCreatedAt: 5 })], { b: 3_000 })).toEqual([1]);
  expect(counts([lane({ headCreatedAt: 15 })], { b: 3_000 })).toEqual([0]);
});

const ahead = (fields: Partial<Ahead>): Ahead => ({
  instances: [],
  starting: [],
  maxInstances: 4,
  ownBefore: [],
  othersBefore: [],
  own: { ...SECOND, weight: 20 },
  ...fields,
});
const busy = (meanMs: number, hasOwn = false) => ({ left: { meanMs, variance: 0 }, hasOwn });

it('an end is known once there is an instance, or one that starts and may be used', () => {
  expect(endOf(ahead({}))).toBeUndefined();
  expect(endOf(ahead({ instances: [busy(500)] }))?.meanMs).toBeCloseTo(1_500);
  expect(endOf(ahead({ starting: [{ meanMs: 30_000, variance: 0 }] }))?.meanMs).toBeCloseTo(31_000);
  const late = { instances: [busy(60_000)], starting: [{ meanMs: 1_000, variance: 0 }] };
  expect(endOf(ahead(late))?.meanMs).toBeCloseTo(2_000);
  expect(endOf(ahead({ ...late, maxInstances: 1 }))?.meanMs).toBeCloseTo(61_000);
});

it('at the limit only the instances where its deployment is bear on it', () => {
  const instances = [busy(0), busy(8_000, true)];
  expect(endOf(ahead({ instances, maxInstances: 1 }))?.meanMs).toBeCloseTo(9_000);
  expect(endOf(ahead({ instances, maxInstances: 2 }))?.meanMs).toBeCloseTo(1_000);
});
