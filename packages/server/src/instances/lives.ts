// Keeps the record of started instances: written before one is asked for, so that none can run unknown; what happens to
// it afterwards is written behind it, in order. Bills it from the first to the last. Called by fleet.ts.
import { createRowBatcher } from '../db/batch-rows.ts';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { beginLife, type Life, type LifePhase, type LifeStep, lastStep } from './lifecycle.pure.ts';
import {
  deleteOldLives,
  dropOldLogs,
  insertLives,
  type LifeSpec,
  listGoneLives,
  listOpenLives,
  type NewLife,
  recordEnd,
  recordStep,
} from './lives.sql.ts';
import type { GoneKind, InstanceSpec, ProviderKind } from './provider.ts';

export interface LifeSoFar {
  readonly life: Life;
  readonly busyMs: number;
}

export interface LifeEnd extends LifeSoFar {
  readonly kind: GoneKind;
  readonly cause: string;
  readonly logTail: Promise<string[]> | undefined;
}

export interface GoneInstance extends LifeSoFar {
  readonly id: string;
  readonly provider: string;
  readonly sku: string;
  readonly goneAt: number;
  readonly reason: string;
  readonly logTail: readonly string[];
}

export interface Lives {
  /** Resolves once it is on record: then it may be asked for. */
  asked(spec: InstanceSpec, of: { provider: ProviderKind; askedAt: number }): Promise<void>;
  stepped(id: string, so: LifeSoFar): void;
  gone(id: string, end: LifeEnd): void;
  /** Those that an earlier start left open. */
  open(): Promise<(LifeSoFar & { readonly spec: LifeSpec; readonly askedAt: number })[]>;
  /** An account's instances of a pool that went lately, newest first; with `id` that one alone. */
  listGone(of: { pool: string; accountId: string; id?: string }): Promise<GoneInstance[]>;
  /** Resolves when what happened so far is written, or cannot be. */
  stop(): Promise<void>;
}

interface Deps {
  readonly db: Database;
  readonly log: Log;
  /** How long ended lives are kept. */
  readonly keepDays: number;
  /** Billing (billing/meter.ts). */
  readonly meter: { asked(spec: InstanceSpec): Promise<void>; gone(id: string): Promise<void> };
}

/** Of each pool so many are told of, and have their logs kept. */
const KEPT_GONE = 20;
const LOG_CHARACTERS = 8_000;
/** A provider that does not answer holds up nobody's record for longer. */
const LOG_WITHIN_MS = 2_000;

export function createLives({ db, log, keepDays, meter }: Deps): Lives {
  const stopping = new AbortController();
  let written = Promise.resolve();
  // A burst asks for many at once: one statement for all of them.
  const asked = createRowBatcher<NewLife>((rows) => persist(() => insertLives(db, rows), { signal: stopping.signal }));

  function behind(id: string, write: () => Promise<void>) {
    written = written
      .then(() => persist(write, { signal: stopping.signal }))
      .catch((error) => log.warn({ instanceId: id, ...describeError(error) }, "an instance's life was not recorded"));
  }

  return {
    async asked(spec, { provider, askedAt }) {
      await asked.add({ spec, provider, askedAt });
      await meter.asked(spec);
    },
    stepped(id, { life, busyMs }) {
      const { phase, reason } = lastStep(life);
      behind(id, () => recordStep(db, id, { phase, reason, ...toRow({ life, busyMs }) }));
    },
    gone(id, { kind, cause, logTail, ...so }) {
      const tail = readInTime(logTail);
      behind(id, async () => {
        await recordEnd(db, id, { kind, reason: cause, logTail: await tail, ...toRow(so) });
        await dropOldLogs(db, id, KEPT_GONE);
      });
      behind(id, () => meter.gone(id));
    },
    async open() {
      behind('old ones', () => deleteOldLives(db, keepDays));
      const rows = await persist(() => listOpenLives(db));
      return rows.map(({ spec, askedAt, ...row }) => ({ spec, askedAt, ...fromRow({ askedAt, ...row }) }));
    },
    async listGone(of) {
      const rows = await listGoneLives(db, { ...of, limit: KEPT_GONE });
      return rows.map(({ id, provider, sku, goneAt, reason, logTail, ...row }) => {
        return { id, provider, sku, goneAt, reason, logTail: logTail?.split('\n') ?? [], ...fromRow(row) };
      });
    },
    async stop() {
      stopping.abort();
      await written;
    },
  };
}

/** The end of it, within a number of characters. */
async function readInTime(logTail: Promise<string[]> | undefined): Promise<string | undefined> {
  if (logTail === undefined) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LOG_WITHIN_MS);
  });
  const lines = await Promise.race([logTail.catch(() => undefined), late]);
  clearTimeout(timer);
  const text = lines?.join('\n') ?? '';
  const cut = text.slice(-LOG_CHARACTERS);
  if (cut === '') return undefined;
  return cut.length === text.length ? cut : cut.slice(cut.indexOf('\n') + 1);
}

function toRow({ life, busyMs }: LifeSoFar) {
  return { steps: life.steps, busyMs };
}

interface Row {
  readonly askedAt: number;
  readonly steps: readonly unknown[];
  readonly busyMs: number;
}

const PHASES: readonly string[] = ['requested', 'starting', 'ready', 'lost', 'draining', 'gone'] satisfies LifePhase[];

function isStep(value: unknown): value is LifeStep {
  if (typeof value !== 'object' || value === null || !('phase' in value) || !('at' in value)) return false;
  return PHASES.includes(String(value.phase)) && typeof value.at === 'number';
}

/** Of a service before the timelines there are no steps. */
function fromRow({ askedAt, steps, busyMs }: Row): LifeSoFar {
  const [first, ...others] = steps.filter(isStep);
  if (first === undefined) return { life: beginLife('requested', askedAt), busyMs };
  const readyAt = [first, ...others].find(({ phase }) => phase === 'ready')?.at;
  return { life: { steps: [first, ...others], readyAt }, busyMs };
}
