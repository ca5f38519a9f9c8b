// How long the emulator outlives the program that started it: while a websocket client is connected, and then for the
// linger time. Used by main.ts, so that a restarted gateway finds its server, and a killed one leaves none behind.

export interface Linger {
  /** The starting program is gone. */
  orphaned(): void;
  socketCount(count: number): void;
}

export function createLinger({ lingerMs, stop }: { lingerMs: number; stop(): void }): Linger {
  let isOrphan = false;
  let sockets = 0;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    clearTimeout(timer);
    if (isOrphan && sockets === 0) timer = setTimeout(stop, lingerMs);
  }

  return {
    orphaned() {
      isOrphan = true;
      look();
    },
    socketCount(count) {
      sockets = count;
      look();
    },
  };
}
