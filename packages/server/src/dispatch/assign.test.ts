// Why a request is given to an instance where others are before it: what is told must be true however it came there.
import { expect, it } from 'vitest';
import { makeBoard, type TestBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { LiveRequest } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { reserve } from './accept.ts';
import { learnRun } from './slots.ts';

let count = 0;
function make(deploymentId: string, models: readonly string[] = []): LiveRequest {
  count += 1;
  const payload = { prepared: { models: () => models } } as unknown as RequestPayload;
  return makeLiveRequest({ id: `r${count}`, deploymentId, versionId: deploymentId, payload, createdAt: count });
}

function submit({ board }: TestBoard, deploymentId: string, models?: readonly string[]): LiveRequest {
  const request = make(deploymentId, models);
  if (!reserve(board, request)) board.waiting.push(request);
  board.pump();
  return request;
}

function makeTwo(max: number, runMs: number): TestBoard {
  const test = makeBoard({ max: { d1: max, d2: max } });
  for (const id of ['i1', 'i2']) learnRun(test.addInstance(id), runMs);
  return test;
}

const toldOf = ({ instanceId, trace }: LiveRequest) => [instanceId, trace?.ahead, trace?.whyThere];

it('nothing of an idle one; of a busy one, that none had fewer', () => {
  const test = makeTwo(9, 2_000);
  const told = [1, 2, 3].map(() => toldOf(submit(test, 'd1')));
  expect(told).toEqual([
    ['i2', 0, undefined],
    ['i1', 0, undefined],
    ['i2', 1, 'fewest before it'],
  ]);
});

it('of one at its limit, that it may go nowhere else, as long as another instance had less to do', () => {
  const test = makeTwo(1, 2_000);
  submit(test, 'd1');
  expect(toldOf(submit(test, 'd1'))).toEqual(['i2', 1, 'max_instances']);
  const busy = makeTwo(1, 500);
  for (const id of ['d1', 'd2']) submit(busy, id);
  expect(toldOf(submit(busy, 'd1'))).toEqual(['i2', 1, 'fewest before it']);
  expect(toldOf(submit(busy, 'd1'))).toEqual(['i2', 2, 'max_instances']);
});

it('of one whose models will be loaded there, that, as long as another instance had less to do', () => {
  const test = makeTwo(9, 500);
  const told = [...'abaa'].map((model) => toldOf(submit(test, model === 'a' ? 'd1' : 'd2', [model])));
  expect(told).toEqual([
    ['i2', 0, undefined],
    ['i1', 0, undefined],
    ['i2', 1, 'fewest before it'],
    ['i2', 2, 'its models'],
  ]);
});

it('of one that was given together with others, that there was room', () => {
  const test = makeTwo(9, 500);
  for (const id of ['d1', 'd1']) submit(test, id);
  const requests = [make('d1'), make('d1')];
  for (const request of requests) test.board.waiting.push(request);
  test.board.pump();
  expect(requests.map(toldOf)).toEqual([
    ['i2', 1, 'fewest before it'],
    ['i2', 2, 'room for more'],
  ]);
});
