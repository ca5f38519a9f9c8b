// Takes a prompt off its instance whose attempt is over without anybody knowing that it is over there: the instance stood
// still or was cut off, or its node could not be interrupted in time. When it answers again, nobody wants that run any more,
// and others wait behind it. Started by follow.ts; nobody waits for it.
import { setTimeout as sleep } from 'node:timers/promises';
import { ComfyError } from '@comfleet/comfyui';
import { awakeNow } from '../telemetry/awake-time.ts';
import type { Log } from '../telemetry/log.ts';
import type { Attempt } from './attempt.ts';
import { interrupt } from './interrupt.ts';
import type { SendGuard } from './send-guard.ts';
import type { RunEnd } from './watch.ts';

const AWAY_PAUSE_MS = 1_000;
/** What was on its way to an instance that stood still comes in a moment later: absent counts when seen twice. */
const LOOK_PAUSE_MS = 400;
const LOOKS = 2;
/** An instance that is away for longer has most likely lost it. */
const GIVE_UP_MS = 600_000;

interface Leftover {
  readonly attempt: Pick<Attempt, 'instance' | 'promptId'>;
  readonly sendGuard: SendGuard | undefined;
  /** Nothing of it is on the way to the instance any more. */
  readonly isPosted: () => boolean;
  readonly log: Log;
}

/** Of a run that ended so: the instance may hold it still, or get it later. */
export function mayRunStill(end: RunEnd | undefined, isPosted: () => boolean): boolean {
  if (end === undefined) return true;
  return end.kind === 'lost' && (!end.isAbsent || !isPosted());
}

export async function clearAway({ attempt, sendGuard, isPosted, log }: Leftover): Promise<void> {
  const { instance, promptId } = attempt;
  const until = awakeNow() + GIVE_UP_MS;
  let absences = 0;
  while (absences < LOOKS && instance.phase !== 'gone' && awakeNow() < until) {
    const found = await interrupt(attempt, sendGuard).catch(readFailure);
    if (found === 'closed') return;
    absences = found === 'absent' && isPosted() ? absences + 1 : 0;
    if (found === 'running') {
      log.info({ instanceId: instance.id, promptId }, 'a run that nobody waits for any more was interrupted');
    }
    await sleep(found === 'away' ? AWAY_PAUSE_MS : LOOK_PAUSE_MS, undefined, { ref: false });
  }
}

function readFailure(error: unknown): 'closed' | 'away' {
  return error instanceof ComfyError && error.kind === 'closed' ? 'closed' : 'away';
}
