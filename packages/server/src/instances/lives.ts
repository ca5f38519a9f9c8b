// Keeps the record of started instances: written before one is asked for, so that none can run unknown; what happens to
// it afterwards is written behind it, in order. Bills it from the first to the last. Called by fleet.ts.
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import {
  deleteOldLives,
  insertLife,
  listOpenLives,
  markDraining,
  markGone,
  markReady,
  type OpenLife,
} from './lives.sql.ts';
import type { GoneKind, InstanceSpec, ProviderKind } from './provider.ts';

export interface Lives {
  /** Resolves once it is on record: then it may be asked for. */
  asked(spec: InstanceSpec, of: { provider: ProviderKind; askedAt: number }): Promise<void>;
  ready(id: string): void;
  draining(id: string, reason: string): void;
  gone(id: string, kind: GoneKind, reason: string): void;
  /** Those that an earlier start left open. */
  open(): Promise<OpenLife[]>;
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

export function createLives({ db, log, keepDays, meter }: Deps): Lives {
  const stopping = new AbortController();
  let written = Promise.resolve();

  function behind(id: string, write: () => Promise<void>) {
    written = written
      .then(() => persist(write, { signal: stopping.signal }))
      .catch((error) => log.warn({ instanceId: id, ...describeError(error) }, "an instance's life was not recorded"));
  }

  return {
    async asked(spec, { provider, askedAt }) {
      await persist(() => insertLife(db, { spec, provider, askedAt }), { signal: stopping.signal });
      await meter.asked(spec);
    },
    ready: (id) => behind(id, () => markReady(db, id)),
    draining: (id, reason) => behind(id, () => markDraining(db, id, reason)),
    gone(id, kind, reason) {
      behind(id, () => markGone(db, id, { kind, reason }));
      behind(id, () => meter.gone(id));
    },
    async open() {
      behind('old ones', () => deleteOldLives(db, keepDays));
      return await persist(() => listOpenLives(db));
    },
    async stop() {
      stopping.abort();
      await written;
    },
  };
}
