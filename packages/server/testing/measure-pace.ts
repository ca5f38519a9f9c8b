// How much slower than an idle machine this one is just now, for tests that bound a time: what waits wakes up late, what
// computes shares its core. Measured while the bounded thing happens, in the same rhythm. Used by test/replica-processes.test.ts.

export interface Pace {
  /** How much longer waits take; 1 on an idle machine. */
  readonly waits: number;
  /** How much longer work takes; 1 where it has a core to itself. */
  readonly work: number;
}

const TURN_MS = 100;
const WORK_MS = 4;

/** `look` is what each turn asks of somebody else: its time counts as lateness of the wait. */
export function measurePace(look: () => Promise<unknown>): { stop(): Promise<Pace> } {
  let isOver = false;
  const total = { waited: 0, ideal: 0, wall: 0, cpu: 0 };
  const turns = (async () => {
    do {
      const from = performance.now();
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
      await look();
      total.waited += performance.now() - from;
      total.ideal += TURN_MS;
      const { wall, cpu } = work();
      total.wall += wall;
      total.cpu += cpu;
    } while (!isOver);
  })();
  return {
    async stop() {
      isOver = true;
      await turns;
      return { waits: Math.max(1, total.waited / total.ideal), work: Math.max(1, total.wall / total.cpu) };
    },
  };
}

/** Computes for a little while: by the clock, and by the processor. */
function work(): { wall: number; cpu: number } {
  const wallFrom = performance.now();
  const cpuFrom = process.cpuUsage();
  let cpu = 0;
  do {
    const { user, system } = process.cpuUsage(cpuFrom);
    cpu = (user + system) / 1_000;
  } while (cpu < WORK_MS);
  return { wall: performance.now() - wallFrom, cpu };
}
