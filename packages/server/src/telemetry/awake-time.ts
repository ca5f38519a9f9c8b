// A steady clock that counts only the time in which this process could have heard something. An event loop that stood
// still, a SIGSTOP or a suspended host is our own silence: whoever waits for a sign of life must not take it for somebody
// else's, and after it the timers fire before what arrived meanwhile is read.

/** How often it looks at the time; between two looks no more than twice that counts. */
const LOOK_MS = 200;
const MOST_MS = 2 * LOOK_MS;

/** Milliseconds; `steady` is a clock that is never set. */
export function createAwakeClock(steady: () => number): () => number {
  let countedMs = 0;
  let lookedAt = steady();
  return () => {
    const now = steady();
    countedMs += Math.min(now - lookedAt, MOST_MS);
    lookedAt = now;
    return countedMs;
  };
}

/** Of this process, from when it began. */
export const awakeNow = createAwakeClock(() => performance.now());
setInterval(awakeNow, LOOK_MS).unref();

/** Calls once so much of it has passed. Gives the way to stop; does not keep the process alive. */
export function afterAwake(ms: number, call: () => void): () => void {
  const until = awakeNow() + ms;
  let timer: NodeJS.Timeout;
  const wait = () => {
    const leftMs = until - awakeNow();
    if (leftMs <= 0) call();
    else timer = setTimeout(wait, Math.ceil(leftMs)).unref();
  };
  timer = setTimeout(wait, Math.ceil(ms)).unref();
  return () => clearTimeout(timer);
}
