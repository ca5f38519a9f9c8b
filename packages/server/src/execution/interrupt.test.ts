import { expect, test } from 'vitest';
import type { Attempt } from './attempt.ts';
import { interruptUntilOver } from './interrupt.ts';
import type { RunEnd, Watch } from './watch.ts';

/** What is said to an instance that runs this prompt when ours is to be stopped. */
async function stopOurs(running: string): Promise<string[]> {
  const said: string[] = [];
  let end: (end: RunEnd) => void = () => undefined;
  const ended = new Promise<RunEnd>((resolve) => {
    end = resolve;
  });
  const over = () => end({ kind: 'interrupted' });
  const client = {
    deletePending: async () => void said.push('delete'),
    queue: async () => ({ running: [running], pending: [] }),
    async interrupt() {
      said.push('interrupt');
      over();
    },
  };
  const attempt = { promptId: 'ours', instance: { connection: { client } } } as unknown as Attempt;
  const watch = { ended, ask: over } as unknown as Watch;
  await interruptUntilOver({ attempt, watch });
  return said;
}

test('a running prompt is interrupted', async () => {
  expect(await stopOurs('ours')).toEqual(['delete', 'interrupt']);
});

test('nothing is interrupted while somebody else runs: an old ComfyUI would stop that one', async () => {
  expect(await stopOurs('theirs')).not.toContain('interrupt');
});
