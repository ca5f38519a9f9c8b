// Graphs with models run where these are loaded, wait for that while it is sooner than a load, and hold up nobody else.
import { expect, it, vi } from 'vitest';
import { makeBoard, type TestBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { LiveRequest } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { reserve } from './accept.ts';
import { learnRun, type Slots } from './slots.ts';

const MAX = { flux: 9, sdxl: 9, plain: 9 };

let count = 0;
/** Each deployment has a version of its name, whose graph loads a model of that name. */
function submit({ board, clock }: TestBoard, deploymentId: keyof typeof MAX, override?: string): LiveRequest {
  count += 1;
  const models = deploymentId === 'plain' && override === undefined ? [] : [override ?? deploymentId];
  const payload = { prepared: { models: () => models } } as unknown as RequestPayload;
  const fields = { deploymentId, versionId: deploymentId, payload, createdAt: clock.now };
  const request = makeLiveRequest({ id: `r${count}`, ...fields });
  if (!reserve(board, request)) board.waiting.push(request);
  board.pump();
  return request;
}

function addInstance(test: TestBoard, id: string, loaded: string | undefined): Slots {
  const slots = test.addInstance(id);
  slots.loaded = loaded;
  learnRun(slots, 10_000);
  return slots;
}

/** Runs take 10 s, loads 30 s more. */
function makeLearned(): TestBoard {
  const test = makeBoard({ max: MAX });
  for (const models of ['flux', 'sdxl']) {
    test.board.models.learnRun(models, { runMs: 40_000, wasLoaded: false });
    test.board.models.learnRun(models, { runMs: 10_000, wasLoaded: true });
  }
  for (const versionId of ['flux', 'sdxl', 'plain']) test.board.runTimes.learn(versionId, 10_000);
  return test;
}

it('a request goes to the idle instance that has its models', () => {
  const test = makeLearned();
  for (const id of ['i1', 'i2', 'i3']) addInstance(test, id, id === 'i2' ? 'flux' : 'sdxl');
  const request = submit(test, 'flux');
  expect(request.instanceId).toBe('i2');
  expect(request.trace?.because).toBe('its models are loaded');
});

it('a request whose override names other models goes where those are, and they count as loaded there', () => {
  const test = makeLearned();
  const slots = ['i1', 'i2', 'i3'].map((id) => addInstance(test, id, id === 'i2' ? 'sdxl' : 'flux'));
  const request = submit(test, 'flux', 'sdxl');
  expect(request).toMatchObject({ instanceId: 'i2', trace: { because: 'its models are loaded' } });
  test.end(request);
  expect(slots[1]?.loaded).toBe('sdxl');
  // Also without its payload, which is dropped while memory is short.
  const [first, second] = [submit(test, 'flux', 'sdxl'), submit(test, 'flux', 'sdxl')];
  second.payload = undefined;
  expect([first.instanceId, second.instanceId]).toEqual(['i2', undefined]);
  test.end(first);
  expect(second).toMatchObject({ instanceId: 'i2', trace: { because: 'its models are loaded' } });
});

it('models that nobody has are loaded at once', () => {
  const test = makeLearned();
  addInstance(test, 'i1', 'sdxl');
  const request = submit(test, 'flux');
  expect(request.instanceId).toBe('i1');
  expect(request.trace?.because).toBe('loading is sooner than waiting');
});

it('it waits for a busy instance that has them while that is sooner than a load', () => {
  const test = makeLearned();
  const warm = addInstance(test, 'warm', 'flux');
  const first = submit(test, 'flux');
  addInstance(test, 'cold', 'sdxl');
  // The second one would wait for 10 s, or load for 30 s.
  const second = submit(test, 'flux');
  expect(second.instanceId).toBeUndefined();
  warm.loaded = 'flux';
  test.end(first);
  expect(second).toMatchObject({ instanceId: 'warm', trace: { because: 'its models are loaded' } });
});

it('what needs no models takes the idle instance that another one does not wait for', () => {
  const test = makeLearned();
  addInstance(test, 'warm', 'flux');
  submit(test, 'flux');
  addInstance(test, 'cold', 'sdxl');
  const second = submit(test, 'flux');
  expect(submit(test, 'plain').instanceId).toBe('cold');
  // No instance is idle any more: it is given ahead where its models are.
  expect(second.instanceId).toBe('warm');
});

it('what comes to the front of its queue behind a graph without models is placed in the same turn', () => {
  const test = makeLearned();
  test.board.isOpen = false;
  const requests = [submit(test, 'plain'), submit(test, 'plain', 'flux'), submit(test, 'plain'), submit(test, 'plain')];
  for (const id of ['i1', 'i2', 'i3', 'i4']) addInstance(test, id, 'sdxl');
  test.board.isOpen = true;
  test.board.pump();
  expect(new Set(requests.map(({ instanceId }) => instanceId))).toEqual(new Set(['i1', 'i2', 'i3', 'i4']));
});

it('whoever has waited for too long runs on whatever is idle, although nothing else happened', () => {
  vi.useFakeTimers();
  try {
    const test = makeLearned();
    addInstance(test, 'warm', 'flux');
    submit(test, 'flux');
    addInstance(test, 'cold', 'sdxl');
    const second = submit(test, 'flux');
    test.clock.now += 200_000;
    vi.advanceTimersByTime(1_000);
    expect(second).toMatchObject({ instanceId: 'cold', trace: { because: 'waited longest' } });
  } finally {
    vi.useRealTimers();
  }
});

it('while no instance is idle, only what it will have loaded is given ahead', () => {
  const test = makeLearned();
  addInstance(test, 'i1', 'flux');
  submit(test, 'flux');
  const other = submit(test, 'sdxl');
  expect(other.instanceId).toBeUndefined();
  // Nobody overtakes within the account.
  expect(submit(test, 'flux').instanceId).toBeUndefined();
});

it('a load is learned as what runs take longer with it', () => {
  const { board } = makeLearned();
  expect(board.models.loadMs('flux')).toBe(30_000);
  expect(board.models.runMs('flux')).toBe(10_000);
  expect(board.models.loadMs('unknown')).toBe(0);
});
