// Which kept inputs go: those past their age, and the least recently used until the rest fits; never one in use, or used
// a moment ago. Called by input-cache.ts.

export interface SweepEntry {
  readonly key: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly usedAtMs: number;
}

export interface SweepRules {
  readonly nowMs: number;
  readonly olderThanMs: number;
  readonly graceMs: number;
  readonly maxBytes: number;
  readonly inUse: ReadonlySet<string>;
}

export function chooseToGo(entries: readonly SweepEntry[], rules: SweepRules): SweepEntry[] {
  let leftBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gone: SweepEntry[] = [];
  for (const entry of entries.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    const idleMs = rules.nowMs - entry.usedAtMs;
    const isWanted = idleMs >= rules.olderThanMs || leftBytes > rules.maxBytes;
    if (!isWanted || idleMs < rules.graceMs || rules.inUse.has(entry.sha256)) continue;
    gone.push(entry);
    leftBytes -= entry.sizeBytes;
  }
  return gone;
}
