// Where the brain is just now, for calls that are passed on to it. Made in app-door.ts; asked by forward-calls.ts and
// relay-events.ts.
import type { Leader } from '../db/leader.ts';

export interface BrainAddress {
  /** undefined: there is none, or it is this replica. */
  find(): string | undefined;
  /** Resolves when the brain is known, or is this replica, or after the time. */
  wait(ms: number): Promise<string | undefined>;
  /** Aborted when the brain that is known now no longer is. */
  signal(): AbortSignal;
  isHere(): boolean;
}

interface Deps {
  readonly leader: Pick<Leader, 'other' | 'onChange'>;
  /** From its beginning on: a call that comes here is then not passed on any more. */
  readonly isHere: () => boolean;
}

export function createBrainAddress({ leader, isHere }: Deps): BrainAddress {
  const waiting = new Set<() => void>();
  let known = new AbortController();
  leader.onChange(() => {
    known.abort();
    known = new AbortController();
    for (const wake of [...waiting]) wake();
  });
  const find = () => (isHere() ? undefined : leader.other()?.url);
  return {
    find,
    isHere,
    signal: () => known.signal,
    async wait(ms) {
      const until = performance.now() + ms;
      while (find() === undefined && !isHere() && performance.now() < until) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            clearTimeout(timer);
            waiting.delete(wake);
            resolve();
          };
          // This replica may become the brain itself, of which nobody tells.
          const timer = setTimeout(wake, Math.min(LOOK_MS, until - performance.now()));
          waiting.add(wake);
        });
      }
      return find();
    },
  };
}

const LOOK_MS = 50;
