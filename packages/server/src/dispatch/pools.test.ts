// Requests go only to instances of their pool, and to outdated ones only while no current one is ready.
import { expect, it } from 'vitest';
import { makeBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { LiveRequest } from '../requests/live.ts';
import { reserve } from './accept.ts';
import { capacity, room } from './give-ahead.pure.ts';
import { findPlace, leastBusy } from './pool-index.ts';
import { countLeasing, learnPool, quitPool } from './pools.ts';
import { enter, learnRun } from './slots.ts';

const d1: Pool = { key: 'deployment:d1', isScaled: true, fingerprint: 'v2' };
const d2: Pool = { key: 'deployment:d2', isScaled: true, fingerprint: 'v1' };
const shared: Pool = { key: 'default', isScaled: false, fingerprint: '' };
const old = { pool: 'deployment:d1', fingerprint: 'v1' };
const current = { pool: 'deployment:d1', fingerprint: 'v2' };

let count = 0;
function make(deploymentId: string) {
  count += 1;
  return makeLiveRequest({ id: `r${count}`, deploymentId, createdAt: count });
}

it('gives a request to no instance of another pool, nor before its pool is known', () => {
  const { board, addInstance } = makeBoard({ pools: { d1, d2, d3: shared }, max: { d1: 9, d2: 9, d3: 9 } });
  const everybody = addInstance('everybody');
  const ofD1 = addInstance('ofD1', current);
  const requests = ['d1', 'd2', 'd3', 'unknown'].map(make);
  for (const request of requests) board.waiting.push(request);
  board.pump();
  expect(requests.map(({ instanceId }) => instanceId)).toEqual([
    ofD1.instance.id,
    undefined,
    everybody.instance.id,
    undefined,
  ]);
  learnPool(board, 'unknown', { pool: shared, max: 1 });
  everybody.pending = 0;
  board.pump();
  expect(board.waiting.size).toBe(1);
});

it('uses an outdated instance until a current one is ready, and again when that is gone', () => {
  const { board, addInstance, quit, end } = makeBoard({ pools: { d1 }, max: { d1: 9 } });
  addInstance('old', old);
  const [first, second, third] = [make('d1'), make('d1'), make('d1')];
  expect(reserve(board, first)).toBe(true);
  expect(first.instanceId).toBe('old');
  end(first);
  const slots = addInstance('current', current);
  expect(reserve(board, second)).toBe(true);
  expect(second.instanceId).toBe('current');
  quit(slots);
  expect(reserve(board, third)).toBe(true);
  expect(third.instanceId).toBe('old');
});

it('gives to current instances only as soon as a version is edited', () => {
  const { board, addInstance } = makeBoard({ pools: { d1 }, max: { d1: 9 } });
  addInstance('new', { pool: 'deployment:d1', fingerprint: 'v3' });
  // Of idle ones that are alike it would be asked first: it came last.
  addInstance('old', current);
  learnPool(board, 'd1', { pool: { ...d1, fingerprint: 'v3' }, max: 9 });
  const request = make('d1');
  expect(reserve(board, request)).toBe(true);
  expect(request.instanceId).toBe('new');
});

it('takes the direct path although others wait for instances of another pool', () => {
  const { board, addInstance } = makeBoard({ pools: { d1, d2 }, max: { d1: 1, d2: 1 } });
  addInstance('ofD2', { pool: 'deployment:d2', fingerprint: 'v1' });
  board.waiting.push(make('d1'));
  board.pump();
  expect(reserve(board, make('d2'))).toBe(true);
  expect(reserve(board, make('d1'))).toBe(false);
});

it('lets nobody overtake those who wait for the same instances', () => {
  const { board, addInstance } = makeBoard({ max: { d1: 1, d2: 1 } });
  const waiting = make('d1');
  board.waiting.push(waiting);
  expect(reserve(board, make('d2'))).toBe(false);
  addInstance('i1');
  expect(waiting.instanceId).toBe('i1');
});

it('goes on where it is when it is on as many instances as it may be', () => {
  const { board, addInstance, given, end } = makeBoard({ max: { d1: 1 } });
  const one = addInstance('one');
  addInstance('two');
  learnRun(one, 1_000);
  const requests = [make('d1'), make('d1'), make('d1'), make('d1')];
  for (const request of requests) board.waiting.push(request);
  board.pump();
  // One runs and one is given ahead; the other instance stays idle.
  expect(given).toHaveLength(2);
  for (const request of requests) end(request);
  expect(new Set(given.map(({ instanceId }) => instanceId)).size).toBe(1);
  expect(given).toHaveLength(4);
});

it('of the instances that it is on, goes on where it has the least to do, and not where nothing more is taken', () => {
  const { board, addInstance, quit, end } = makeBoard({ max: { d1: 2 } });
  for (const id of ['one', 'two', 'three']) learnRun(addInstance(id), 500);
  const requests = Array.from({ length: 6 }, () => make('d1'));
  expect(requests.map((request) => reserve(board, request))).not.toContain(false);
  expect(requests.map(({ instanceId }) => instanceId)).toEqual(['three', 'two', 'three', 'two', 'three', 'two']);
  expect(reserve(board, make('d1'))).toBe(false);
  const three = board.slotsById.get('three');
  if (three) quit(three);
  for (const index of [0, 1, 2]) end(requests[index] as LiveRequest);
  const last = make('d1');
  expect([reserve(board, last), last.instanceId]).toEqual([true, 'two']);
});

it('spreads to further instances when the limit is raised', () => {
  const { board, addInstance, given } = makeBoard({ max: { d1: 1 } });
  for (const id of ['one', 'two', 'three']) learnRun(addInstance(id), 2_000);
  for (let n = 0; n < 9; n += 1) board.waiting.push(make('d1'));
  board.pump();
  expect(new Set(given.map(({ instanceId }) => instanceId)).size).toBe(1);
  learnPool(board, 'd1', { pool: undefined, max: 3 });
  board.pump();
  expect(new Set(given.map(({ instanceId }) => instanceId)).size).toBe(3);
  expect(given).toHaveLength(6);
});

it('walks neither all instances nor all deployments for each run that ends', () => {
  const many = 1_000;
  const ids = Array.from({ length: many }, (_, n) => `d${n}`);
  const { board, addInstance, given, end } = makeBoard({ max: Object.fromEntries(ids.map((id) => [id, 1])) });
  for (const id of ids) learnRun(addInstance(id), 2_000);
  for (const id of ids) for (let n = 0; n < 4; n += 1) board.waiting.push(make(id));
  board.pump();
  expect(given).toHaveLength(2 * many);
  let looks = 0;
  const { lane } = board.waiting;
  Object.assign(board.waiting, {
    lane(id: string) {
      looks += 1;
      return lane(id);
    },
  });
  for (const request of given.slice(0, 100)) end(request);
  expect(given).toHaveLength(2 * many + 100);
  expect(looks).toBeLessThan(1_000);
});

it('forgets a pool that has nothing left, also when a lease was the last of it', async () => {
  const { board, addInstance } = makeBoard({ pools: { d1 }, max: { d1: 1 } });
  const slots = addInstance('i1', current);
  const index = slots.pool;
  if (index === undefined) throw new Error('it is in no pool');
  let write: (isLeased: boolean) => void = () => undefined;
  const written = countLeasing(board, index, new Promise<boolean>((resolve) => (write = resolve)));
  quitPool(board, slots);
  expect(board.indexes.has('deployment:d1')).toBe(true);
  write(true);
  await written;
  expect(board.indexes.has('deployment:d1')).toBe(false);
});

it('finds an instance as long as it has a place left, however many it may have', () => {
  const slots = makeBoard().addInstance('i1');
  learnRun(slots, 1);
  const found: unknown[] = [];
  const expected: unknown[] = [];
  for (; slots.pending < capacity(slots); enter(slots, 'd1')) {
    const { pending, pool } = slots;
    const place = pool && findPlace(pool)?.instance.id;
    found.push([pending, place, pool && leastBusy(pool)?.instance.id]);
    expected.push([pending, 'i1', room(slots) > 0 ? 'i1' : undefined]);
  }
  expect(found).toEqual(expected);
});
