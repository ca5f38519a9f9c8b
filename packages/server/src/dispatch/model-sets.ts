// What is known of the models that runs need: which of them a request's graph loads, how long runs take with and without a
// load, how much each set is asked for. Told by accept.ts and perform.ts, asked by place-models.ts. In memory: after a
// restart relearn-models.ts tells what the latest runs did, and how much is asked for is learned anew.
import type { PreparedGraph } from '@comfleet/comfyui';
import type { LiveRequest } from '../requests/live.ts';

export interface ModelSets {
  /** Without any, nobody needs to look at models at all. */
  readonly isUsed: boolean;
  /** Names what the request's run has loaded; '' for a graph without models, and while it is not known. */
  of(request: Pick<LiveRequest, 'versionId' | 'models'>): string;
  /** A request came in: what it needs, and that it is asked for. */
  onArrival(request: LiveRequest): void;
  learnVersion(versionId: string, models: string): void;
  learnRun(models: string, run: { runMs: number; wasLoaded: boolean }): void;
  /** 0 while it is not known. */
  loadMs(models: string): number;
  runMs(models: string): number | undefined;
  /** Requests that come for it, per millisecond. */
  perMs(models: string): number;
}

const KEPT = 5_000;
/** The share that the latest run has at least. */
const SHARE = 0.2;
const HALF_LIFE_MS = 3_600_000;

interface Mean {
  count: number;
  ms: number;
}

interface Entry {
  readonly cold: Mean;
  readonly warm: Mean;
  weight: number;
  weighedAt: number;
}

export function nameModels(prepared: Pick<PreparedGraph, 'models'>): string {
  return [...prepared.models()].sort().join('\n');
}

/** Most requests of a version share one list: only one whose overrides name a model has its own. */
const names = new WeakMap<readonly string[], string>();

function nameShared(prepared: Pick<PreparedGraph, 'models'>): string {
  const models = prepared.models();
  const known = names.get(models);
  if (known !== undefined) return known;
  const name = nameModels({ models: () => models });
  names.set(models, name);
  return name;
}

export function createModelSets(now: () => number): ModelSets {
  const versions = new Map<string, string>();
  const entries = new Map<string, Entry>();
  const since = now();
  const fade = (ms: number) => 2 ** (-ms / HALF_LIFE_MS);

  function entryOf(models: string): Entry {
    const known = entries.get(models);
    if (known) return known;
    if (entries.size >= KEPT) entries.clear();
    const made = { cold: { count: 0, ms: 0 }, warm: { count: 0, ms: 0 }, weight: 0, weighedAt: now() };
    entries.set(models, made);
    return made;
  }

  function learnVersion(versionId: string, models: string) {
    if (versions.size >= KEPT) versions.clear();
    versions.set(versionId, models);
    if (models !== '') entryOf(models);
  }

  return {
    get isUsed() {
      return entries.size > 0;
    },
    of: ({ versionId, models }) => models ?? versions.get(versionId) ?? '',
    onArrival(request) {
      const { versionId, payload } = request;
      // Kept with the request: its payload may be dropped while it waits.
      if (payload !== undefined) request.models = nameShared(payload.prepared);
      const models = request.models ?? versions.get(versionId) ?? '';
      // What comes back after a restart without its payload is taken to need what others of its version do.
      if (!versions.has(versionId) && payload !== undefined) learnVersion(versionId, models);
      if (models === '') return;
      const entry = entryOf(models);
      entry.weight = entry.weight * fade(now() - entry.weighedAt) + 1;
      entry.weighedAt = now();
    },
    learnVersion,
    learnRun(models, { runMs, wasLoaded }) {
      const entry = entryOf(models);
      const mean = wasLoaded ? entry.warm : entry.cold;
      mean.count += 1;
      mean.ms += (runMs - mean.ms) * Math.max(SHARE, 1 / mean.count);
    },
    loadMs(models) {
      const { cold, warm } = entryOf(models);
      return cold.count === 0 || warm.count === 0 ? 0 : Math.max(0, cold.ms - warm.ms);
    },
    runMs(models) {
      const { cold, warm } = entryOf(models);
      if (warm.count > 0) return warm.ms;
      return cold.count > 0 ? cold.ms : undefined;
    },
    perMs(models) {
      const { weight, weighedAt } = entryOf(models);
      // A steady rate of r gives a weight of r × half-life / ln 2, less while the service is young.
      const horizonMs = (HALF_LIFE_MS / Math.LN2) * (1 - fade(now() - since));
      return (weight * fade(now() - weighedAt)) / Math.max(1, horizonMs);
    },
  };
}
