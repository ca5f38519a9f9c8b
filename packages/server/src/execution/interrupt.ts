// Stops a prompt that was sent: out of the instance's queue, or interrupted where it runs, until it is over.
// Called by run.ts for cancels, closed deployments and time-outs.
import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { Attempt } from './attempt.ts';
import type { RunEnd, Watch } from './watch.ts';

const REPEAT_MS = 1_000;
/** A node that cannot be interrupted (a model that loads) holds its instance longer; the caller does not wait for it. */
const GIVE_UP_MS = 10_000;

/** undefined: it goes on there for now; the attempt's turn stays taken until it ends. */
export async function interruptUntilOver(of: { attempt: Attempt; watch: Watch }): Promise<RunEnd | undefined> {
  const { attempt, watch } = of;
  const { client } = attempt.instance.connection;
  const until = performance.now() + GIVE_UP_MS;
  let end: RunEnd | undefined;
  void watch.ended.then((result) => {
    end = result;
  });
  while (end === undefined && performance.now() < until) {
    try {
      crashPoint('before-interrupt');
      await client.deletePending(attempt.promptId);
      // Asked first: a ComfyUI before 0.3.57 interrupts whatever runs, be it somebody else's.
      const { running } = await client.queue();
      if (running.includes(attempt.promptId)) await client.interrupt(attempt.promptId);
    } catch {
      // the instance cannot be reached: the watch finds out what that means
    }
    await Promise.race([watch.ended, sleep(REPEAT_MS)]);
    // One taken out of the queue leaves no trace: only asking shows that it is over.
    if (end === undefined) watch.ask();
  }
  return end;
}
