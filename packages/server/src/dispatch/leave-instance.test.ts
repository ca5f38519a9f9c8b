// What an instance was given ahead goes elsewhere when it takes no more work; what it runs goes on while it can.
import { expect, it } from 'vitest';
import { makeBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Attempt } from '../execution/attempt.ts';
import { reserve } from './accept.ts';
import { giveUpAll, leaveUnsent } from './leave-instance.ts';

function makeInstanceWithWork() {
  const { board, addInstance } = makeBoard({ max: { d1: 2 } });
  const slots = addInstance('i1');
  const left: string[] = [];
  const make = (id: string, isSent: boolean) =>
    ({
      isSent,
      leave: () => left.push(id),
      onGone: isSent ? () => left.push(`${id} is lost`) : undefined,
    }) as unknown as Attempt;
  slots.attempts.add(make('running', true)).add(make('ahead', false));
  return { board, addInstance, slots, left };
}

it('a draining instance gives back what it did not begin, and gets nothing more', () => {
  const { board, addInstance, slots, left } = makeInstanceWithWork();
  leaveUnsent(board, slots.instance);
  expect(left).toEqual(['ahead']);
  expect(reserve(board, makeLiveRequest({ id: 'r2' }))).toBe(false);
  addInstance('i2');
  const third = makeLiveRequest({ id: 'r3' });
  expect(reserve(board, third)).toBe(true);
  expect(third.instanceId).toBe('i2');
});

it('an instance that is gone gives back everything', () => {
  const { board, slots, left } = makeInstanceWithWork();
  giveUpAll(board, slots.instance);
  expect(left).toEqual(['running', 'running is lost', 'ahead']);
  expect(board.slotsById.size).toBe(0);
});
