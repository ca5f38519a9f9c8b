// What waits is found although nobody told of it.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { until } from '../../testing/until.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import { createLiveIndex } from '../requests/live.ts';
import { createLogTo } from '../telemetry/log.ts';
import { createBoard, type DispatchDeps, slotsOf } from './board.ts';
import { createLook } from './look-again.ts';
import { pump } from './loop.ts';
import { joinPool, learnPool } from './pools.ts';

const pool: Pool = { key: 'deployment:d1', isScaled: true, fingerprint: 'v1' };
const instance = { id: 'i1', pool: pool.key, spec: { fingerprint: 'v1' }, since: 0, busyMs: 0, phase: 'ready' };

function makeBoardOfOne() {
  const lines: string[] = [];
  const log = createLogTo('warn', { write: (line: string) => lines.push(line) });
  const live = createLiveIndex();
  const leased: string[] = [];
  const lease = ({ requestId }: { requestId: string }) => {
    leased.push(requestId);
    return new Promise<boolean>(() => undefined);
  };
  const execution = { clock: { now: () => 0 }, log, live, writes: { lease } };
  const directory = { find: async () => ({ maxInstances: 1 }) };
  const deps = { newId: () => 'p1', directory, poolOf: () => pool, execution } as unknown as DispatchDeps;
  const board = createBoard(deps, pump);
  board.isOpen = true;
  const request = makeLiveRequest({});
  live.add(request);
  return { board, request, leased, lines, slots: slotsOf(board, instance as unknown as Instance) };
}

it('a lane that is in no pool is read again, once it was so twice', async () => {
  const { board, request, leased, lines, slots } = makeBoardOfOne();
  joinPool(board, slots);
  board.waiting.push(request);
  const look = createLook(board);
  look();
  expect(lines).toEqual([]);
  look();
  await until('it is given out', () => leased.length === 1);
  expect(lines.join()).toContain('was in no pool');
});

it('what nobody was woken for is given out, and told of', () => {
  const { board, request, leased, lines, slots } = makeBoardOfOne();
  learnPool(board, 'd1', { pool, max: 1 });
  board.waiting.push(request);
  board.touched.clear();
  joinPool(board, slots);
  board.touched.clear();
  createLook(board)();
  expect(leased).toEqual([request.id]);
  expect(lines.join()).toContain('although an instance had room');
});
