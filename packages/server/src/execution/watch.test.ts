import type { ComfyClient, Frame, QueueIds } from '@comfleet/comfyui';
import { expect, test, vi } from 'vitest';
import type { InstanceConnection, PromptListener } from '../instances/connection.ts';
import { WATCH_TIMES, watchPrompt } from './watch.ts';

const START = { type: 'execution_start', promptId: 'p' } as Frame;
const SUCCESS = { type: 'execution_success', promptId: 'p' } as Frame;
const TIMES = { silenceMs: 20, refusedMs: 300, unreachableMs: 1_500, idleMs: 100, workerDeadMs: 40 };

/** An instance that runs the prompt whenever it is asked; `answers` says when, or what else it says. */
function createInstance(answers: () => Promise<QueueIds | undefined> = async () => undefined, times = TIMES) {
  let listener: PromptListener | undefined;
  let asked = 0;
  const client = {
    queue: async () => {
      asked += 1;
      return (await answers()) ?? { running: ['p'], pending: [] };
    },
  } as Partial<ComfyClient>;
  const connection = {
    client,
    listen(_promptId: string, next: PromptListener) {
      listener = next;
      return () => undefined;
    },
  } as unknown as InstanceConnection;
  const watch = watchPrompt({
    connection,
    promptId: 'p',
    times,
    onFrame: () => undefined,
    onExecuted: () => undefined,
    onPreview: () => undefined,
    onOver: () => undefined,
  });
  return { watch, asked: () => asked, tell: (act: (listener: PromptListener) => void) => listener && act(listener) };
}

test('a prompt that was started and runs no node for long is lost: the worker is dead', async () => {
  const { watch, tell } = createInstance();
  tell((listener) => listener.onFrame(START));
  expect(await watch.ended).toMatchObject({ kind: 'lost', isWorkerDead: true });
});

test('a prompt that waits where nothing runs is lost after a while: the worker is dead', async () => {
  const { watch } = createInstance(async () => ({ running: [], pending: ['p'] }));
  expect(await watch.ended).toMatchObject({ kind: 'lost', isAbsent: false, isWorkerDead: true });
});

test('a prompt that was heard to run is not lost, whatever the queue says of it', async () => {
  const { watch, tell } = createInstance(async () => ({ running: [], pending: ['p'] }));
  tell((listener) => listener.onFrame({ type: 'executing', promptId: 'p', nodeId: '1', displayNodeId: '1' } as Frame));
  expect(await stays(watch, 400)).toBe('still runs');
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success' });
});

test('a prompt that waits behind another, or where nothing runs for a moment, is not lost', async () => {
  let asks = 0;
  const { watch, tell } = createInstance(async () => {
    asks += 1;
    return { running: asks % 2 === 0 ? ['another'] : [], pending: ['p'] };
  });
  expect(await stays(watch, 500)).toBe('still runs');
  expect(asks).toBeGreaterThan(3);
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success' });
});

test('a run whose frames stopped with the socket is not taken for a dead worker', async () => {
  const { watch, tell, asked } = createInstance();
  tell((listener) => listener.onFrame(START));
  tell((listener) => listener.onSocketLost());
  const first = await Promise.race([watch.ended, new Promise((resolve) => setTimeout(resolve, 200, 'still runs'))]);
  expect(first).toBe('still runs');
  expect(asked()).toBeGreaterThan(0);
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success', isComplete: false });
});

test('an instance that leaves every question unanswered is lost after its time, not after the time-out of a call', async () => {
  const { watch } = createInstance(() => new Promise(() => undefined), { ...TIMES, unreachableMs: 100 });
  const startedAt = performance.now();
  expect(await watch.ended).toMatchObject({ kind: 'lost', reason: expect.stringContaining('could not be reached') });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('an instance that answers late is not lost', async () => {
  const late = () => new Promise<undefined>((resolve) => setTimeout(resolve, 60, undefined));
  const { watch, tell, asked } = createInstance(late, { ...TIMES, unreachableMs: 200 });
  const first = await Promise.race([watch.ended, new Promise((resolve) => setTimeout(resolve, 500, 'still runs'))]);
  expect(first).toBe('still runs');
  expect(asked()).toBeGreaterThan(2);
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success' });
});

/** This process's event loop stands still, as it does under SIGSTOP. */
function standStill(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const stays = (watch: { ended: Promise<unknown> }, ms: number) =>
  Promise.race([watch.ended, new Promise((resolve) => setTimeout(resolve, ms, 'still runs'))]);

test('while this process itself stands still, no instance is silent', async () => {
  // As what comes from a socket: read after the timers that are due.
  const soon = () => new Promise<undefined>((resolve) => setTimeout(() => setImmediate(resolve, undefined), 50));
  const { watch, tell, asked } = createInstance(soon, { ...TIMES, unreachableMs: 800 });
  await vi.waitFor(() => expect(asked()).toBe(1), { interval: 5, timeout: 15_000 });
  standStill(1_200);
  expect(await stays(watch, 100)).toBe('still runs');
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success' });
});

test('while this process itself stands still, no worker is dead', async () => {
  const { watch, tell } = createInstance(undefined, { ...TIMES, workerDeadMs: 800 });
  tell((listener) => listener.onFrame(START));
  standStill(1_200);
  expect(await stays(watch, 100)).toBe('still runs');
  expect(await watch.ended).toMatchObject({ kind: 'lost', isWorkerDead: true });
});

test('a frozen instance is noticed within 30 s, a dead worker within 10 s', () => {
  expect(WATCH_TIMES.silenceMs + WATCH_TIMES.unreachableMs).toBeLessThan(30_000);
  expect(WATCH_TIMES.workerDeadMs + 1_000).toBeLessThanOrEqual(10_000);
  expect(WATCH_TIMES.silenceMs + 1_000 + WATCH_TIMES.idleMs + 500).toBeLessThanOrEqual(10_000);
});

test('a watch says that it is over, so that a prompt which still waits for its connection is not sent', async () => {
  const { watch } = createInstance();
  expect(watch.isOver()).toBe(false);
  watch.giveUp('it went away');
  expect(await watch.ended).toMatchObject({ kind: 'lost' });
  expect(watch.isOver()).toBe(true);
});

test('of an instance that floods with outputs none is kept: what history says counts', async () => {
  const { watch, tell } = createInstance();
  const flood = (node: number) => {
    const output = { text: ['x'.repeat(8 * 1024 * 1024)] };
    return { type: 'executed', promptId: 'p', nodeId: `${node}`, displayNodeId: `${node}`, output } as Frame;
  };
  for (let node = 0; node < 12; node += 1) tell((listener) => listener.onFrame(flood(node)));
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success', isComplete: false, seen: new Map() });
});
