// Instance time used by each account, fading with time: what fairness between accounts goes by. Part
// of the board: told by perform.ts and guests.ts of each run that ended, asked by loop.ts, place-models.ts and standing.ts.

const HALF_LIFE_MS = 60_000;

export interface Usage {
  usedMs(accountId: string): number;
  add(accountId: string, ms: number): void;
}

export function createUsage(now: () => number): Usage {
  const used = new Map<string, { ms: number; at: number }>();
  const fadedMs = (entry: { ms: number; at: number }) => entry.ms * 2 ** ((entry.at - now()) / HALF_LIFE_MS);
  return {
    usedMs(accountId) {
      const entry = used.get(accountId);
      return entry === undefined ? 0 : fadedMs(entry);
    },
    add(accountId, ms) {
      const entry = used.get(accountId);
      const before = entry === undefined ? 0 : fadedMs(entry);
      used.set(accountId, { ms: before + Math.max(0, ms), at: now() });
    },
  };
}
