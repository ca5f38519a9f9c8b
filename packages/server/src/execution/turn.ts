// Whose prompt may be on an instance now: a first-come semaphore. Attempts take it once their inputs are there, so a slow
// download holds up nobody; it is given back on the frame that ends the run, and the next prompt goes out on that turn.
// Where several may be there, the instance runs the oldest: the next one is at the front once that one is over.

/** A place on the instance, held from before the prompt is sent until its run is over. */
export interface Place {
  release(): void;
  /** Calls when nothing taken earlier is on the instance any more: now, or later. */
  onFront(call: () => void): void;
}

export interface Turn {
  /** undefined when the signal said so first. `isAlone`: nobody else is there meanwhile. */
  take(signal: AbortSignal, isAlone?: boolean): Promise<Place | undefined>;
  /** Taken without waiting: for a prompt that is on the instance already. */
  force(): Place;
  readonly busy: number;
  setDepth(depth: number): void;
}

interface Waiting {
  readonly isAlone: boolean;
  readonly grant: (place: Place) => void;
}

interface Held {
  readonly isAlone: boolean;
  readonly calls: (() => void)[];
}

export function createTurn(initialDepth: number): Turn {
  const queue: Waiting[] = [];
  const held: Held[] = [];
  let depth = initialDepth;

  function hold(isAlone: boolean): Place {
    const mine: Held = { isAlone, calls: [] };
    held.push(mine);
    return {
      onFront(call) {
        if (held[0] === mine) call();
        else mine.calls.push(call);
      },
      release() {
        const index = held.indexOf(mine);
        if (index < 0) return;
        held.splice(index, 1);
        if (index === 0) for (const call of held[0]?.calls.splice(0) ?? []) call();
        grantNext();
      },
    };
  }

  const hasPlaceFor = ({ isAlone }: Waiting) =>
    held.length === 0 || (held.length < depth && !isAlone && held[0]?.isAlone !== true);

  function grantNext() {
    for (let next = queue[0]; next !== undefined && hasPlaceFor(next); [next] = queue) {
      queue.shift();
      next.grant(hold(next.isAlone));
    }
  }

  return {
    get busy() {
      return held.length;
    },
    force: () => hold(false),
    setDepth(next) {
      depth = next;
      grantNext();
    },
    take(signal, isAlone = false) {
      if (signal.aborted) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const waiting: Waiting = {
          isAlone,
          grant: (place) => {
            signal.removeEventListener('abort', giveUp);
            resolve(place);
          },
        };
        function giveUp() {
          const index = queue.indexOf(waiting);
          if (index < 0) return;
          queue.splice(index, 1);
          resolve(undefined);
          grantNext();
        }
        signal.addEventListener('abort', giveUp, { once: true });
        queue.push(waiting);
        grantNext();
      });
    },
  };
}
