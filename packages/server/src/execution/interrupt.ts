// Stops a prompt that was sent: out of the instance's queue, or interrupted where it runs, until it is over.
// Called by follow.ts for cancels, closed deployments and time-outs, and by clear-away.ts for what is left on an instance.
import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { Attempt } from './attempt.ts';
import type { SendGuard } from './send-guard.ts';
import type { RunEnd, Watch } from './watch.ts';

const REPEAT_MS = 1_000;
/** A node that cannot be interrupted (a model that loads) holds its instance longer; the caller does not wait for it. */
const GIVE_UP_MS = 10_000;

export interface Interrupting {
  readonly attempt: Attempt;
  readonly watch: Watch;
  /** A time-out that became due while this process slept may be about another replica's prompt by now. */
  readonly sendGuard: SendGuard | undefined;
}

/** undefined: it goes on there for now; the attempt's turn stays taken until it ends. */
export async function interruptUntilOver({ attempt, watch, sendGuard }: Interrupting): Promise<RunEnd | undefined> {
  let end: RunEnd | undefined;
  void watch.ended.then((result) => {
    end = result;
  });
  await Promise.race([watch.ended, sendGuard?.pass(async () => undefined)]);
  const until = performance.now() + GIVE_UP_MS;
  while (end === undefined && performance.now() < until) {
    crashPoint('before-interrupt');
    const said = interrupt(attempt, sendGuard).catch(() => undefined); // unreachable: the watch finds out what that means
    await Promise.race([watch.ended, said.then(() => sleep(REPEAT_MS))]);
    // One taken out of the queue leaves no trace: only asking shows that it is over.
    if (end === undefined) watch.ask();
  }
  return end;
}

/** Where it was found; taken out or interrupted there, unless it is nowhere. */
export async function interrupt(
  { instance, promptId }: Pick<Attempt, 'instance' | 'promptId'>,
  guard: SendGuard | undefined,
): Promise<'running' | 'pending' | 'absent'> {
  const { client } = instance.connection;
  let found: 'running' | 'pending' | 'absent' = 'absent';
  const say = async (call: (begin: { mayBegin?: () => boolean }) => Promise<void>) =>
    guard === undefined ? await call({}) : await guard.pass((mayBegin) => call({ mayBegin }));
  await say((begin) => client.deletePending(promptId, begin));
  // Asked first: a ComfyUI before 0.3.57 interrupts whatever runs, be it somebody else's. After any wait for the guard, which
  // may be long enough for another's to begin.
  await say(async (begin) => {
    const { running, pending } = await client.queue();
    if (running.includes(promptId)) {
      found = 'running';
      await client.interrupt(promptId, begin);
    } else if (pending.includes(promptId)) found = 'pending';
  });
  return found;
}
