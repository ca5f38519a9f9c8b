import { expect, test } from 'vitest';
import type { Attempt } from './attempt.ts';
import { interruptUntilOver } from './interrupt.ts';
import { createSendGuard, type SendGuard } from './send-guard.ts';
import type { RunEnd, Watch } from './watch.ts';

/** What is said to an instance that runs this prompt when ours is to be stopped. */
function stopOurs(running: string | (() => string), sendGuard?: SendGuard) {
  const said: string[] = [];
  let end: (end: RunEnd) => void = () => undefined;
  const ended = new Promise<RunEnd>((resolve) => {
    end = resolve;
  });
  const over = () => end({ kind: 'interrupted' });
  const client = {
    deletePending: async () => void said.push('delete'),
    queue: async () => ({ running: [typeof running === 'string' ? running : running()], pending: [] }),
    async interrupt() {
      said.push('interrupt');
      over();
    },
  };
  const attempt = { promptId: 'ours', instance: { connection: { client } } } as unknown as Attempt;
  const watch = { ended, ask: over } as unknown as Watch;
  return { said, done: interruptUntilOver({ attempt, watch, sendGuard }).then(() => said) };
}

test('a running prompt is interrupted', async () => {
  expect(await stopOurs('ours').done).toEqual(['delete', 'interrupt']);
});

test('nothing is interrupted while somebody else runs: an old ComfyUI would stop that one', async () => {
  expect(await stopOurs('theirs').done).not.toContain('interrupt');
});

test('nothing is said by one who may have been replaced, until it is certain that it was not', async () => {
  let becomeCertain: () => void = () => undefined;
  const certain = new Promise<void>((resolve) => {
    becomeCertain = resolve;
  });
  let isCertain = false;
  const { said, done } = stopOurs('ours', createSendGuard({ isCertain: () => isCertain, untilCertain: () => certain }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(said).toEqual([]);
  isCertain = true;
  becomeCertain();
  expect(await done).toEqual(['delete', 'interrupt']);
});

test('what runs is looked at after a wait for certainty, not before it', async () => {
  let passes = 0;
  let running = 'ours';
  // The third word, after the one that waits for the first and the delete, has to wait: another prompt begins meanwhile.
  const untilCertain = async () => {
    passes += 1;
    if (passes === 3) running = 'theirs';
  };
  const { done } = stopOurs(() => running, createSendGuard({ isCertain: () => true, untilCertain }));
  expect(await done).not.toContain('interrupt');
});
