// Bills instances that are started for a deployment, from the moment they are asked for until they are gone, in spans of at
// most half a minute: a crash loses what no reading had seen, and never bills what nobody saw. Made by create-billing.ts; told by
// whoever starts and stops instances. Instances that were there anyway are not metered: their runs are billed instead.
import { createRowBatcher } from '../db/batch-rows.ts';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { type MeterState, readMeter, resumeMeter, startMeter, stopMeter } from './meter.pure.ts';
import { billSpan, insertMetered, listOpenMeters, type MeteredInstance } from './meter.sql.ts';
import { priceSpan } from './price.pure.ts';

const EVERY_MS = 30_000;

export interface Meter {
  /** The instance is asked for now: from here on it is billed. */
  instanceAsked(instance: MeteredInstance): Promise<void>;
  /** It is known to be gone: the last span is billed, and nothing of it stays open. */
  instanceGone(instanceId: string): Promise<void>;
  /** After a restart: those that still live go on, the others end where their bill ended. */
  resume(isAlive: (instanceId: string) => boolean): Promise<void>;
  /** Bills what has passed. Called by a timer. */
  read(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

interface Metered {
  readonly instance: MeteredInstance;
  state: MeterState;
}

interface Deps {
  readonly db: Database;
  readonly log: Log;
  /** Milliseconds of a clock that is never set. */
  readonly tick?: () => number;
}

export function createMeter({ db, log, tick = () => performance.now() }: Deps): Meter {
  const open = new Map<string, Metered>();
  // A burst asks for many instances at once: one statement for all of them.
  const asked = createRowBatcher<MeteredInstance>((rows) => persist(() => insertMetered(db, rows)));
  let timer: NodeJS.Timeout | undefined;
  // One after another: two readings of one instance must not begin at the same millisecond.
  let turn: Promise<void> = Promise.resolve();

  function inTurn(act: () => Promise<void>): Promise<void> {
    const done = turn.then(act);
    turn = done.catch(() => undefined); // the caller hears of it
    return done;
  }

  async function bill(metered: Metered, isGone: boolean): Promise<void> {
    const { instance, state } = metered;
    const reading = isGone ? stopMeter(state, tick()) : readMeter(state, tick());
    if (reading.span === undefined && !isGone) return;
    const { fromMs, toMs } = reading.span ?? { fromMs: state.billedMs, toMs: state.billedMs };
    const chargedMicrodollars = priceSpan({ fromMs, toMs }, instance.pricePerHourMicrodollars);
    const { instanceId } = instance;
    const billedMs = await persist(() => billSpan(db, { instanceId, fromMs, toMs, chargedMicrodollars, isGone }));
    metered.state = { ...reading.state, billedMs: billedMs ?? toMs };
  }

  async function readAll(): Promise<void> {
    for (const metered of open.values()) {
      // One that cannot be billed now is billed with the next reading: the span only grows.
      await bill(metered, false).catch((error) =>
        log.warn(describeError(error), 'an instance could not be billed yet'),
      );
    }
  }

  return {
    async instanceAsked(instance) {
      open.set(instance.instanceId, { instance, state: startMeter(tick()) });
      await asked.add(instance);
    },
    instanceGone: (instanceId) =>
      inTurn(async () => {
        const metered = open.get(instanceId);
        if (metered === undefined) return;
        await bill(metered, true);
        open.delete(instanceId);
      }),
    async resume(isAlive) {
      for (const row of await persist(() => listOpenMeters(db))) {
        const instance: MeteredInstance = {
          instanceId: row.instance_id,
          accountId: row.account_id,
          deploymentId: row.deployment_id,
          sku: row.sku,
          pricePerHourMicrodollars: row.price_per_hour_microdollars,
        };
        const metered = { instance, state: resumeMeter(row.billed_ms, tick()) };
        if (isAlive(row.instance_id)) open.set(row.instance_id, metered);
        else await billNothingMore(db, metered);
      }
    },
    read: () => inTurn(readAll),
    start() {
      timer = setInterval(() => void inTurn(readAll), EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      if (db.ready()) await inTurn(readAll);
    },
  };
}

async function billNothingMore(db: Database, { instance, state }: Metered): Promise<void> {
  const { billedMs } = state;
  const { instanceId } = instance;
  const end = { instanceId, fromMs: billedMs, toMs: billedMs, chargedMicrodollars: 0, isGone: true };
  await persist(() => billSpan(db, end));
}
