// What is accepted while a start reads its backlog, as those who decide how many instances there are hear of it.
import { expect, it } from 'vitest';
import { makeBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { accept } from './accept.ts';
import { createDemand } from './demand.ts';

it('is told of at once, when it comes and when it goes', () => {
  const { board } = makeBoard();
  const demand = createDemand(board);
  const told: [string, number][] = [];
  demand.onChange((deploymentId) => told.push([deploymentId, demand.waitingOf(deploymentId)]));
  board.backlog.begin();
  const request = makeLiveRequest();
  accept(board, request);
  expect(told).toEqual([['d1', 1]]);
  board.backlog.remove(request);
  expect(told).toEqual([
    ['d1', 1],
    ['d1', 0],
  ]);
});
