// Tells when a runner of the job library is of no more use: it gets no jobs, or was about to end and does not. Used by
// jobs.ts, which then starts another.
import { EventEmitter } from 'node:events';
import type { WorkerEvents } from 'graphile-worker';

/** The tasks under way get this long; after a lost connection it may not end at all. */
const ENDS_WITHIN_MS = 3_000;
/** It looks for jobs every second. */
const FETCHES_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 500;

export interface RunnerWatch {
  readonly events: WorkerEvents;
  /** Rejects when the library was about to end its workers and did not. */
  readonly stuck: Promise<never>;
  /**
   * Rejects when it wants jobs and gets none: an error of its first statement is what each later fetch throws again, and
   * after one of a database that starts it pauses for up to two minutes.
   */
  readonly starved: Promise<never>;
  stop(): void;
}

/** `pools` receives the name under which this runner takes jobs. */
export function watchRunner(pools: Set<string>): RunnerWatch {
  const events: WorkerEvents = new EventEmitter();
  events.on('pool:create', ({ workerPool }) => pools.add(workerPool.id));
  const starvation = watchFetches(events);
  const stuck = untilStuck(events);
  for (const end of [stuck, starvation.starved]) end.catch(() => undefined); // most runners end before
  return { events, stuck, ...starvation };
}

async function untilStuck(events: WorkerEvents): Promise<never> {
  await new Promise((resolve) => events.once('pool:gracefulShutdown', resolve));
  await new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS).unref());
  throw new Error('they did not end by themselves');
}

function watchFetches(events: WorkerEvents): Pick<RunnerWatch, 'starved' | 'stop'> {
  let timer: NodeJS.Timeout | undefined;
  let isFetching = false;
  let fedAt = 0;
  // While it has jobs that wait for a free worker it fetches none.
  events.on('localQueue:setMode', ({ newMode }) => {
    isFetching = newMode === 'POLLING';
    fedAt = performance.now();
  });
  events.on('localQueue:getJobs:complete', () => {
    fedAt = performance.now();
  });
  const starved = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      if (isFetching && performance.now() - fedAt > FETCHES_WITHIN_MS) reject(new Error('they got no jobs any more'));
    }, LOOK_EVERY_MS).unref();
  });
  return { starved, stop: () => clearInterval(timer) };
}
