// How long runs take, by version: mean and spread, the latest counting most. perform.ts tells it of each run that ended;
// standing.ts asks it for positions and estimates. In memory: a restart learns anew.

export interface RunTime {
  readonly meanMs: number;
  readonly variance: number;
  /** How many runs it stands for; those long ago count for little. */
  readonly weight: number;
}

export interface RunTimes {
  learn(versionId: string, runMs: number): void;
  /** Of this version; of all others together, spread wide, while it has not run; undefined while nothing has. */
  of(versionId: string): RunTime | undefined;
}

/** The share that the latest run has at least. */
const SHARE = 0.05;
const KEPT = 2_000;
/** Until so many runs were seen, what they spread says little. */
const FEW = 8;
const ASSUMED_SPREAD = 0.3;

interface Entry {
  count: number;
  meanMs: number;
  variance: number;
}

export function createRunTimes(): RunTimes {
  const entries = new Map<string, Entry>();
  const all: Entry = { count: 0, meanMs: 0, variance: 0 };

  return {
    learn(versionId, runMs) {
      if (!(runMs >= 0)) return;
      const entry = entries.get(versionId) ?? { count: 0, meanMs: 0, variance: 0 };
      entries.delete(versionId);
      entries.set(versionId, entry);
      const oldest = entries.keys().next().value;
      if (entries.size > KEPT && oldest !== undefined) entries.delete(oldest);
      take(entry, runMs);
      take(all, runMs);
    },
    of(versionId) {
      const known = entries.get(versionId);
      if (known) return read(known);
      if (all.count === 0) return undefined;
      return { meanMs: all.meanMs, variance: Math.max(all.variance, all.meanMs ** 2), weight: 1 };
    },
  };
}

function take(entry: Entry, runMs: number): void {
  entry.count += 1;
  const share = Math.max(SHARE, 1 / entry.count);
  const off = runMs - entry.meanMs;
  entry.meanMs += share * off;
  entry.variance = (1 - share) * (entry.variance + share * off ** 2);
}

function read({ count, meanMs, variance }: Entry): RunTime {
  const weight = Math.min(count, 2 / SHARE - 1);
  const seen = count > 1 ? (variance * weight) / (weight - 1) : 0;
  if (count >= FEW) return { meanMs, variance: seen, weight };
  const assumed = (ASSUMED_SPREAD * meanMs) ** 2;
  return { meanMs, variance: ((count - 1) * seen + assumed) / count, weight };
}
