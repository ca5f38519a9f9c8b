import { ComfyError } from '@comfleet/comfyui';
import { expect, test } from 'vitest';
import { createLog } from '../telemetry/log.ts';
import type { Attempt } from './attempt.ts';
import { clearAway, mayRunStill } from './clear-away.ts';

type Look = 'away' | 'closed' | 'running' | 'pending' | 'absent';

/** What it is told when it answers like this, look by look; the last one goes on. */
async function clearOn(looks: readonly [Look, ...Look[]], isPosted: () => boolean = () => true) {
  const said: string[] = [];
  let count = -1;
  const now = () => looks[Math.min(count, looks.length - 1)] ?? 'absent';
  const instance = {
    id: 'i1',
    phase: 'ready',
    connection: {
      client: {
        async deletePending() {
          count += 1;
          if (now() === 'closed') throw new ComfyError('closed', 'closed');
          if (now() === 'away') throw new ComfyError('timeout', 'no answer');
          said.push('delete');
        },
        queue: async () => ({
          running: now() === 'running' ? ['ours'] : ['theirs'],
          pending: now() === 'pending' ? ['ours'] : [],
        }),
        interrupt: async (promptId: string) => void said.push(`interrupt ${promptId}`),
      },
    },
  };
  const attempt = { promptId: 'ours', instance } as unknown as Attempt;
  await clearAway({ attempt, sendGuard: undefined, isPosted, log: createLog('silent') });
  return { said, looks: count + 1 };
}

test('a run that was left on an instance is interrupted once it answers again', async () => {
  const { said } = await clearOn(['away', 'running', 'absent']);
  expect(said).toEqual(['delete', 'interrupt ours', 'delete', 'delete']);
});

test('what comes in a moment after the instance answers again is found as well', async () => {
  const { said } = await clearOn(['absent', 'pending', 'running', 'absent']);
  expect(said.filter((word) => word.startsWith('interrupt'))).toEqual(['interrupt ours']);
});

test('it is looked for as long as it may be on its way', async () => {
  let left = 4;
  const { looks } = await clearOn(['absent'], () => {
    left -= 1;
    return left <= 0;
  });
  expect(looks).toBe(5);
});

test('nothing is said any more once the connection is closed', async () => {
  expect(await clearOn(['closed'])).toEqual({ said: [], looks: 1 });
});

test('only what the instance does not deny may run there still', () => {
  const yes = () => true;
  const lost = { kind: 'lost', reason: 'r' } as const;
  expect(mayRunStill(undefined, yes)).toBe(true);
  expect(mayRunStill({ ...lost, isAbsent: false }, yes)).toBe(true);
  expect(mayRunStill({ ...lost, isAbsent: true }, () => false)).toBe(true);
  expect(mayRunStill({ ...lost, isAbsent: true }, yes)).toBe(false);
  expect(mayRunStill({ kind: 'interrupted' }, yes)).toBe(false);
});
