// How the end of a group of processes is waited for.
import { spawn } from 'node:child_process';
import { expect, it, onTestFinished, vi } from 'vitest';
import { until } from '../../../testing/until.ts';
import { killGroup } from './os-process.ts';

it('looks more and more seldom at what does not die, and sees its end', async () => {
  const { pid = 0 } = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  const looks: number[] = [];
  // No signal reaches it, as when it hangs in the kernel.
  const kill = vi.spyOn(process, 'kill').mockImplementation((_, signal) => {
    if (signal === 0) looks.push(performance.now());
    return true;
  });
  onTestFinished(() => kill.mockRestore());
  const killed = killGroup(pid);
  await until('it was looked at seven times', () => looks.length >= 7);
  expect((looks[6] ?? 0) - (looks[0] ?? 0)).toBeGreaterThan(1_200);
  kill.mockRestore();
  process.kill(-pid, 'SIGKILL');
  await killed;
});
