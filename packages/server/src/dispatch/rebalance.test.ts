// What was given ahead and would wait there is moved to an instance that became idle, one at a time.
import { expect, it } from 'vitest';
import { makeBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Attempt } from '../execution/attempt.ts';
import { MOVED } from '../requests/report.pure.ts';
import { assign } from './assign.ts';
import { learnRun } from './slots.ts';

interface Given {
  readonly runMs?: number;
  readonly max?: number;
  /** Of the one that waits ahead: whether its prompt is out, what it needs, what the idle instance has. */
  readonly isSent?: boolean;
  readonly models?: string;
  readonly loaded?: string;
}

/** One runs and one waits ahead on `busy` when another instance becomes ready; gives what was said to the one ahead. */
function play({ runMs = 1_000, max = 9, isSent = false, models = '', loaded }: Given): string[] {
  const { board, addInstance } = makeBoard({ max: { d1: max } });
  const busy = addInstance('busy');
  learnRun(busy, runMs);
  const said: string[] = [];
  const begin = (id: string, isOut: boolean) => {
    const request = makeLiveRequest({ id, models });
    assign(board, request, busy, 'first come');
    const leaving = new AbortController();
    const leave = (reason: string) => {
      said.push(`${id} ${reason}`);
      leaving.abort();
    };
    busy.attempts.add({ request, isSent: isOut, signal: leaving.signal, leave } as unknown as Attempt);
  };
  begin('running', true);
  begin('ahead', isSent);
  const idle = addInstance('idle');
  idle.loaded = loaded;
  if (idle.pool) board.touched.add(idle.pool);
  board.pump();
  return said;
}

it('moves it once, and says so', () => {
  expect(play({})).toEqual([`ahead ${MOVED}`]);
});

it('leaves it where its run begins soon, where it is sent, and where it may not go elsewhere', () => {
  expect(play({ runMs: 400 })).toEqual([]);
  expect(play({ isSent: true })).toEqual([]);
  expect(play({ max: 1 })).toEqual([]);
});

it('moves what needs models only to where they are loaded', () => {
  expect(play({ models: 'flux', loaded: 'sdxl' })).toEqual([]);
  expect(play({ models: 'flux', loaded: 'flux' })).toEqual([`ahead ${MOVED}`]);
});
