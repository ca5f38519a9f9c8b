// Waits for work with an instance, such as fetching its files, for as long as the instance answers: one that stands still
// with its connections open would be waited for once for each of them. Called by follow.ts.
import { type ComfyClient, ComfyError } from '@comfleet/comfyui';
import { afterAwake } from '../telemetry/awake-time.ts';
import type { WatchTimes } from './watch.ts';

type Times = Pick<WatchTimes, 'silenceMs' | 'unreachableMs'>;

/** `silent`: the instance was asked, and left it unanswered for too long. The work goes on, and nobody waits for it. */
export async function whileItAnswers<T>(
  client: Pick<ComfyClient, 'promptCount'>,
  times: Times,
  work: Promise<T>,
): Promise<T | 'silent'> {
  let isOver = false;
  let stop: () => void = () => undefined;
  try {
    return await new Promise<T | 'silent'>((resolve, reject) => {
      work.then(resolve, reject);
      const ask = () => void client.promptCount().then(goOn, (error) => (isSilence(error) && !isOver ? ask() : goOn()));
      const goOn = () => {
        stop();
        if (isOver) return;
        stop = afterAwake(times.silenceMs, () => {
          stop = afterAwake(times.unreachableMs, () => resolve('silent'));
          ask();
        });
      };
      goOn();
    });
  } finally {
    isOver = true;
    stop();
  }
}

/** Any other answer will do, also that nothing listens there: what becomes of the work then shows by itself. */
function isSilence(error: unknown): boolean {
  return error instanceof ComfyError && error.kind === 'timeout';
}
