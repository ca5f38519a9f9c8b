// Every write of a request's life, grouped by kind so that the writes of one turn share a commit. Made by app-engine.ts,
// called by submit.ts, cancel.ts, finish.ts and dispatch.
import { type Batcher, createBatcher } from '../db/batch.ts';
import type { Database } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import { persevere } from '../db/persevere.ts';
import { persist } from '../db/persist.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { type FinishedRequest, finishRequests } from './finish.sql.ts';
import { insertRequests, type NewRequest } from './insert.sql.ts';
import { type LeaseWish, type LostLease, returnLeases, takeLeases } from './lease.sql.ts';
import { claimIdempotencyKey, deleteUnacknowledged, type UnacknowledgedRow } from './requests.sql.ts';

export interface RequestWrites {
  /** Resolves once durable. Throws DatabaseUnavailable when nothing was accepted. */
  insert(row: NewRequest): Promise<void>;
  /** The same under an idempotency key; false when the key belongs to an earlier request. */
  insertUnderKey(row: NewRequest, key: IdempotencyClaim): Promise<boolean>;
  /** False when the request is no longer to be had: cancelled, ended, or leased under a later epoch. */
  lease(wish: LeaseWish): Promise<boolean>;
  returnLease(lost: LostLease): Promise<boolean>;
  /** After this, no row of a refused submit can be mistaken for an accepted one. At once when there was none. */
  forgetRefused(): Promise<void>;
  /** False when a later epoch owns the request: nothing was written. `patienceMs`: how long it may wait for others. */
  finish(ended: FinishedRequest, patienceMs?: number): Promise<boolean>;
  /** Attempts are another replica's from now on: what is added of them is never written, nor answered. */
  endAttempts(): Promise<void>;
  stop(): Promise<void>;
}

export interface IdempotencyClaim {
  readonly key: string;
  readonly bodySha256: string;
  readonly staleBefore: number;
}

const INSERT_WITHIN_MS = 3_000;
const INSERT_GROUP_BYTES = 8 * 1024 * 1024;
const FINISH_GROUP_BYTES = 4 * 1024 * 1024;

interface Deps {
  readonly db: Database;
  readonly log: Log;
  /** How long a submit waits for a database that is away. */
  readonly insertWithinMs?: number;
}

export function createRequestWrites({ db, log, insertWithinMs = INSERT_WITHIN_MS }: Deps): RequestWrites {
  const stopping = new AbortController();
  const { signal } = stopping;
  const unacknowledged = createUnacknowledged({ db, log });

  const inserts = createBatcher<NewRequest, void>({
    lanes: 2,
    weigh: (row) => row.body.length,
    maxWeight: INSERT_GROUP_BYTES,
    flush: async (rows) => {
      await persistAt('insert', () => insertRequests(db, rows), { withinMs: insertWithinMs, signal });
      return rows.map(() => undefined);
    },
    isItemsFault: (error) => !isDatabaseUnavailable(error),
  });
  const leases = createBatcher<LeaseWish, boolean>({
    lanes: 1,
    flush: async (wishes) => {
      const taken = await persistAt('lease', () => takeLeases(db, wishes), { signal });
      return wishes.map((wish) => taken.has(wish.requestId));
    },
  });
  const returns = createBatcher<LostLease, boolean>({
    lanes: 1,
    flush: async (lost) => {
      const returned = await persistAt('lost', () => returnLeases(db, lost), { signal });
      return lost.map((lease) => returned.has(lease.requestId));
    },
    isItemsFault: (error) => !isDatabaseUnavailable(error),
  });
  const finishes = createBatcher<FinishedRequest, boolean>({
    lanes: 1,
    weigh: (ended) => (ended.outputs?.length ?? 0) + ended.files.reduce((sum, f) => sum + (f.content?.length ?? 0), 0),
    maxWeight: FINISH_GROUP_BYTES,
    flush: async (ended) => {
      const written = await persistAt('finish', () => finishRequests(db, ended), { signal });
      return ended.map((request) => written.has(request.id));
    },
    isItemsFault: (error) => !isDatabaseUnavailable(error),
  });

  async function refuseIfUnavailable<T>({ id, lease }: NewRequest, insert: Promise<T>): Promise<T> {
    try {
      return await insert;
    } catch (error) {
      if (isDatabaseUnavailable(error) && error.ambiguous) unacknowledged.add({ id, promptId: lease?.promptId });
      throw error;
    }
  }

  return {
    insert: (row) => refuseIfUnavailable(row, inserts.add(row)),
    insertUnderKey: (row, claim) =>
      refuseIfUnavailable(
        row,
        persist(() => insertWithKey(db, row, claim), { withinMs: insertWithinMs, signal }),
      ),
    forgetRefused: () => unacknowledged.forget(),
    ...outlast(gateAttempts({ leases, returns, finishes }), { log, signal }),
    async stop() {
      stopping.abort();
      unacknowledged.stop();
      await Promise.allSettled([inserts.drain(), leases.drain(), returns.drain(), finishes.drain()]);
    },
  };
}

interface AttemptWrites {
  readonly leases: Batcher<LeaseWish, boolean>;
  readonly returns: Batcher<LostLease, boolean>;
  readonly finishes: Batcher<FinishedRequest, boolean>;
}

/** Once closed, what is added never settles: its attempt is another replica's, and ends here without a word. */
function gateAttempts({ leases, returns, finishes }: AttemptWrites) {
  let isClosed = false;
  const pass =
    <Item>({ add }: Batcher<Item, boolean>) =>
    (item: Item, patienceMs?: number): Promise<boolean> =>
      isClosed ? new Promise<never>(() => undefined) : add(item, patienceMs);
  return {
    lease: pass(leases),
    returnLease: pass(returns),
    finish: pass(finishes),
    async endAttempts(): Promise<void> {
      isClosed = true;
      await Promise.allSettled([leases.drain(), returns.drain(), finishes.drain()]);
    },
  };
}

type Gate = ReturnType<typeof gateAttempts>;

/** Where an attempt cannot be ended at all its request would stay where it is; of a result, execution/settle.ts ends it otherwise. */
function outlast(gate: Gate, { log, signal }: { log: Log; signal: AbortSignal }): Gate {
  const keepOn = (requestId: string, write: () => Promise<boolean>) =>
    persevere(write, {
      signal,
      onFailed: (error, pauseMs) =>
        log.error({ requestId, pauseMs, ...describeError(error) }, 'the end of an attempt could not be written yet'),
    });
  return {
    ...gate,
    returnLease: (lost) => keepOn(lost.requestId, () => gate.returnLease(lost)),
    finish: (ended, patienceMs) => {
      const finish = () => gate.finish(ended, patienceMs);
      return ended.state === 'succeeded' ? finish() : keepOn(ended.id, finish);
    },
  };
}

/** On either side of a commit a crash does most harm. */
async function persistAt<T>(
  step: 'insert' | 'lease' | 'lost' | 'finish',
  write: () => Promise<T>,
  options: Parameters<typeof persist>[1],
): Promise<T> {
  crashPoint(`before-${step}`);
  const written = await persist(write, options);
  crashPoint(`after-${step}`);
  return written;
}

// Key and row in one transaction: a key never stands for a request that is not there.
function insertWithKey(db: Database, row: NewRequest, claim: IdempotencyClaim): Promise<boolean> {
  return db.transaction(async (tx) => {
    const key = { ...claim, accountId: row.accountId, requestId: row.id, now: row.createdAt };
    if (!(await claimIdempotencyKey(tx, key))) return false;
    crashPoint('between-key-and-insert');
    await insertRequests(tx, [row]);
    return true;
  });
}

// A submit answered with 503 whose commit may still have arrived: the row must not run, the caller was told that nothing
// was accepted, and its key must not answer for it. They go as soon as the database answers again.
function createUnacknowledged({ db, log }: { db: Database; log: Log }) {
  const rows = new Set<UnacknowledgedRow>();

  async function forget() {
    if (rows.size === 0) return;
    const gone = [...rows];
    await deleteUnacknowledged(db, gone);
    for (const row of gone) rows.delete(row);
  }

  const stopListening = db.onReady(() => {
    forget().catch((error) => log.warn(describeError(error), 'rows of refused submits could not be removed yet'));
  });
  return { add: (row: UnacknowledgedRow) => void rows.add(row), forget, stop: stopListening };
}
