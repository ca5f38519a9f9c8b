// Whether the database answers. Up at first; a lost connection marks it down; from then on a probe is tried with a
// growing pause until one gets through. database.ts owns it; the API answers 503 while it is down.
import type { DatabaseLog } from './connection.ts';

export interface Availability {
  isUp(): boolean;
  markDown(cause: unknown): void;
  /** Something that may mean "down": asks, and marks it down only if there is no answer. */
  suspect(): void;
  onDown(call: () => void): () => void;
  onUp(call: () => void): () => void;
  stop(): void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export function createAvailability(deps: { probe: () => Promise<unknown>; log: DatabaseLog }): Availability {
  const downCalls = new Set<() => void>();
  const upCalls = new Set<() => void>();
  let up = true;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const probeAfter = (pauseMs: number): void => {
    timer = setTimeout(async () => {
      try {
        await deps.probe();
      } catch {
        // Still down, for the reason already logged.
        if (!stopped) probeAfter(Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
        return;
      }
      if (stopped) return;
      up = true;
      deps.log.info({}, 'the database answers again');
      for (const call of upCalls) call();
    }, pauseMs);
  };

  const markDown = (cause: unknown): void => {
    if (!up || stopped) return;
    up = false;
    deps.log.warn({ err: cause }, 'the database cannot be reached');
    for (const call of downCalls) call();
    probeAfter(FIRST_PAUSE_MS);
  };

  return {
    isUp: () => up,
    markDown,
    suspect: () => {
      if (up && !stopped) deps.probe().catch(markDown);
    },
    onDown: (call) => subscribe(downCalls, call),
    onUp: (call) => subscribe(upCalls, call),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function subscribe(calls: Set<() => void>, call: () => void): () => void {
  calls.add(call);
  return () => void calls.delete(call);
}
