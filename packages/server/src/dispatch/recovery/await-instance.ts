// After a start: a request whose instance its provider cannot be asked about yet, because its engine or cluster is away. It
// waits to know, but one that is to stop waits only so long: then it ends, and its prompt is taken off the instance if that
// is ever found. Called while requests are recovered.
import { clearAway } from '../../execution/clear-away.ts';
import type { Instance } from '../../instances/fleet.ts';
import type { LiveRequest } from '../../requests/live.ts';
import { afterAwake } from '../../telemetry/awake-time.ts';
import type { Log } from '../../telemetry/log.ts';

/** As long as an instance that answers nothing is waited for. */
const STOPS_WITHIN_MS = 30_000;

interface Unsettled {
  readonly request: LiveRequest;
  /** With undefined when the instance is gone. */
  readonly settling: Promise<Instance | undefined>;
  readonly log: Log;
  readonly stopsWithinMs?: number;
}

/** The instance, or undefined for one that is gone; `stopped`: nobody waits for it any more, the request is to be ended. */
export async function awaitInstance(unsettled: Unsettled): Promise<{ instance: Instance | undefined } | 'stopped'> {
  const { request, settling, stopsWithinMs = STOPS_WITHIN_MS } = unsettled;
  let stopWaiting: () => void = () => undefined;
  const stopped = new Promise<'stopped'>((resolve) => {
    const begin = () => {
      stopWaiting = afterAwake(stopsWithinMs, () => resolve('stopped'));
    };
    if (request.stop) begin();
    else request.onStop = begin;
  });
  const known = await Promise.race([settling.then((instance) => ({ instance })), stopped]);
  stopWaiting();
  request.onStop = undefined;
  if (known === 'stopped') void clearLater(unsettled);
  return known;
}

async function clearLater({ request, settling, log }: Unsettled): Promise<void> {
  const { promptId } = request;
  const instance = await settling;
  if (instance === undefined || promptId === undefined) return;
  await clearAway({ attempt: { instance, promptId }, sendGuard: undefined, isPosted: () => true, log });
}
