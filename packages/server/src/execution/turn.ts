// Whose prompt may be on an instance now: a first-come semaphore. Attempts take it once their inputs are there, so a slow
// download holds up nobody; it is given back on the frame that ends the run, and the next prompt goes out on that turn.

export interface Turn {
  /** Resolves with the way to give it back; undefined when the signal said so first. */
  take(signal: AbortSignal): Promise<(() => void) | undefined>;
  /** Taken without waiting: for a prompt that is on the instance already. */
  force(): () => void;
  readonly busy: number;
  setDepth(depth: number): void;
}

interface Waiting {
  readonly grant: (release: (() => void) | undefined) => void;
}

export function createTurn(initialDepth: number): Turn {
  const queue: Waiting[] = [];
  let depth = initialDepth;
  let busy = 0;

  function releaseOnce(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      busy -= 1;
      grantNext();
    };
  }

  function grantNext() {
    while (busy < depth) {
      const next = queue.shift();
      if (next === undefined) return;
      busy += 1;
      next.grant(releaseOnce());
    }
  }

  return {
    get busy() {
      return busy;
    },
    force() {
      busy += 1;
      return releaseOnce();
    },
    setDepth(next) {
      depth = next;
      grantNext();
    },
    take(signal) {
      if (signal.aborted) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const waiting: Waiting = {
          grant: (release) => {
            signal.removeEventListener('abort', giveUp);
            resolve(release);
          },
        };
        function giveUp() {
          const index = queue.indexOf(waiting);
          if (index < 0) return;
          queue.splice(index, 1);
          resolve(undefined);
        }
        signal.addEventListener('abort', giveUp, { once: true });
        queue.push(waiting);
        grantNext();
      });
    },
  };
}
