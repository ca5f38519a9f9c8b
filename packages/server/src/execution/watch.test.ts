import type { ComfyClient, Frame } from '@comfleet/comfyui';
import { expect, test } from 'vitest';
import type { InstanceConnection, PromptListener } from '../instances/connection.ts';
import { WATCH_TIMES, watchPrompt } from './watch.ts';

const START = { type: 'execution_start', promptId: 'p' } as Frame;
const SUCCESS = { type: 'execution_success', promptId: 'p' } as Frame;
const TIMES = { silenceMs: 20, refusedMs: 300, unreachableMs: 1_500, workerDeadMs: 40 };

/** An instance that has the prompt in its queue whenever it is asked; `answers` says when. */
function createInstance(answers: () => Promise<void> = async () => undefined, times = TIMES) {
  let listener: PromptListener | undefined;
  let asked = 0;
  const client = {
    queue: async () => {
      asked += 1;
      await answers();
      return { running: ['p'], pending: [] };
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
  const late = () => new Promise<void>((resolve) => setTimeout(resolve, 60));
  const { watch, tell, asked } = createInstance(late, { ...TIMES, unreachableMs: 200 });
  const first = await Promise.race([watch.ended, new Promise((resolve) => setTimeout(resolve, 500, 'still runs'))]);
  expect(first).toBe('still runs');
  expect(asked()).toBeGreaterThan(2);
  tell((listener) => listener.onFrame(SUCCESS));
  expect(await watch.ended).toMatchObject({ kind: 'success' });
});

test('a frozen instance is noticed within 30 s, a dead worker within 10 s', () => {
  expect(WATCH_TIMES.silenceMs + WATCH_TIMES.unreachableMs).toBeLessThan(30_000);
  expect(WATCH_TIMES.workerDeadMs + 1_000).toBeLessThanOrEqual(10_000);
});
