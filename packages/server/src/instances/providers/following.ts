// What follows a provider's world for as long as the service runs: a loop whose first list the start waits for, though not
// for ever. Used by docker-watch.ts and kubernetes-watch.ts.
import { setTimeout as sleep } from 'node:timers/promises';

interface Deps {
  /** A start that has waited so long goes on without. */
  readonly firstListMs: number;
  /** Goes on until the signal; calls `settled` after the first list, or when it is hopeless to wait for one. */
  readonly follow: (signal: AbortSignal, settled: () => void) => Promise<void>;
}

export function createFollowing({ firstListMs, follow }: Deps) {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  return {
    async start(): Promise<void> {
      const tooLate = new AbortController();
      await new Promise<void>((settled) => {
        loop = follow(stopping.signal, settled);
        void pause(firstListMs, tooLate.signal).then(settled);
      });
      tooLate.abort();
    },
    async stop(): Promise<void> {
      stopping.abort();
      await loop;
    },
  };
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
