// How many prompts may be inside an instance, by how long its runs take.
import { expect, it } from 'vitest';
import { makeBoard } from '../../testing/make-board.ts';
import { capacity } from './give-ahead.pure.ts';
import { learnRun, type Slots } from './slots.ts';

function settleOn(slots: Slots, runMs: number): void {
  for (let run = 0; run < 100; run += 1) learnRun(slots, runMs);
}

/** As many as are let in at once. */
async function countInside({ turn }: Slots): Promise<number> {
  const leaving = new AbortController();
  const asked = Array.from({ length: 8 }, () => turn.take(leaving.signal));
  const { busy } = turn;
  leaving.abort();
  for (const place of await Promise.all(asked)) place?.release();
  return busy;
}

it.each([
  { runMs: 30_000, inside: 1 },
  { runMs: 150, inside: 1 },
  { runMs: 60, inside: 2 },
  { runMs: 6, inside: 3 },
  { runMs: 3, inside: 5 },
  { runMs: 0, inside: 6 },
])('lets $inside in where a run takes $runMs ms, and is given at least as many', async ({ runMs, inside }) => {
  const { addInstance } = makeBoard();
  const slots = addInstance('one');
  settleOn(slots, runMs);
  expect(await countInside(slots)).toBe(inside);
  expect(capacity(slots)).toBeGreaterThan(inside);
});

it('lets one in while nothing is known of its runs, and fewer again when they grow longer', async () => {
  const { addInstance } = makeBoard();
  const slots = addInstance('one');
  expect(await countInside(slots)).toBe(1);
  settleOn(slots, 3);
  settleOn(slots, 5_000);
  expect(await countInside(slots)).toBe(1);
});
