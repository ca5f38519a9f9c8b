import { describe, expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import type { Database } from '../db/database.ts';
import { DatabaseUnavailable } from '../db/database-unavailable.ts';
import { sql } from '../db/sql.ts';
import { createLog } from '../telemetry/log.ts';
import type { NewRequest } from './insert.sql.ts';
import { takeLeases } from './lease.sql.ts';
import { adoptLeases } from './recover.sql.ts';
import { findIdempotencyKey, listAttempts } from './requests.sql.ts';
import { createRequestWrites } from './writes.ts';

const database = useTestDatabase();
const ACCOUNT = crypto.randomUUID();

interface LosingDatabase extends Database {
  /** As after a restart of the server. */
  comeBack(): void;
}

/** Commits what it is given and then loses the answer, so many times; `ready` calls are made by hand. */
function losingAnswers(times: number): LosingDatabase {
  const db = database.db();
  const calls = new Set<() => void>();
  let left = times;
  async function lose<T>(answer: Promise<T>): Promise<T> {
    const value = await answer;
    left -= 1;
    if (left >= 0) throw new DatabaseUnavailable(true, { cause: new Error('cut off') });
    return value;
  }
  return {
    ...db,
    query: (statement) => lose(db.query(statement)),
    transaction: (run, options) => lose(db.transaction(run, options)),
    onReady(call) {
      calls.add(call);
      return () => void calls.delete(call);
    },
    comeBack() {
      for (const call of calls) call();
    },
  };
}

const writesOver = (db: Database) => createRequestWrites({ db, log: createLog('silent') });

function newRow(lease?: NewRequest['lease']): NewRequest {
  return {
    id: crypto.randomUUID(),
    accountId: ACCOUNT,
    tokenId: crypto.randomUUID(),
    deploymentId: crypto.randomUUID(),
    versionId: crypto.randomUUID(),
    priority: 0,
    createdAt: 1_000_000,
    startBy: undefined,
    runWithinMs: undefined,
    webhookUrl: undefined,
    webhookIntermediate: false,
    webhookBase: undefined,
    metadata: undefined,
    body: '{}',
    extraData: undefined,
    lease,
  };
}

const lease = () => ({ instanceId: crypto.randomUUID(), promptId: crypto.randomUUID() });

const NO_RESULT = {
  ...{ runMs: undefined, charge: undefined, outputs: undefined, error: undefined, errorCode: undefined },
  ...{ files: [], hasWebhook: false },
};

async function stateOf(id: string): Promise<string | undefined> {
  const rows = await database.db().query<{ state: string }>(sql`select state from requests where id = ${id}`);
  return rows[0]?.state;
}

describe('a write whose answer got lost', () => {
  it('gives a lease back once, and says so', async () => {
    const writes = writesOver(losingAnswers(2));
    const row = newRow(lease());
    await writes.insert(row);
    const lost = { losses: 1, instanceId: row.lease?.instanceId, promptId: row.lease?.promptId, startedAt: undefined };
    const returned = await writes.returnLease({
      ...lost,
      requestId: row.id,
      epoch: 1,
      endedAt: 1_000_001,
      cause: 'gone',
    });
    expect(returned).toBe(true);
    expect(await stateOf(row.id)).toBe('queued');
    expect(await listAttempts(database.db(), row.id)).toMatchObject([{ epoch: 1, outcome: 'lost', cause: 'gone' }]);
    await writes.stop();
  });

  it('gives no lease back that a later epoch holds', async () => {
    const writes = writesOver(database.db());
    const row = newRow();
    await writes.insert(row);
    const held = lease();
    await writes.lease({ ...held, requestId: row.id, epoch: 1, now: 1_000_000 });
    const lost = { ...held, requestId: row.id, losses: 1, startedAt: undefined, endedAt: 1_000_001, cause: 'gone' };
    await writes.returnLease({ ...lost, epoch: 1 });
    await writes.lease({ ...lease(), requestId: row.id, epoch: 2, now: 1_000_002 });
    expect(await writes.returnLease({ ...lost, epoch: 1 })).toBe(false);
    expect(await stateOf(row.id)).toBe('active');
    await writes.stop();
  });

  it('keeps a submit under its key', async () => {
    const writes = writesOver(losingAnswers(1));
    const row = newRow();
    expect(await writes.insertUnderKey(row, { key: 'k1', bodySha256: 'b', staleBefore: 0 })).toBe(true);
    expect(await findIdempotencyKey(database.db(), { accountId: ACCOUNT, key: 'k1' })).toMatchObject({
      request_id: row.id,
    });
    await writes.stop();
  });
});

describe('a write that the database refuses for no fault of its own', () => {
  /** Refuses so many calls after the first, as for a missing right. */
  function refusing(times: number): Database {
    const db = database.db();
    let calls = 0;
    const refuse = async <T>(run: () => Promise<T>): Promise<T> => {
      calls += 1;
      if (calls > 1 && calls <= 1 + times) throw Object.assign(new Error('permission denied'), { code: '42501' });
      return await run();
    };
    return {
      ...db,
      query: (statement) => refuse(() => db.query(statement)),
      transaction: (run, options) => refuse(() => db.transaction(run, options)),
    };
  }

  it('ends a request, and gives a lease back, as soon as it is taken', async () => {
    for (const kind of ['finish', 'returnLease'] as const) {
      const writes = writesOver(refusing(2));
      const row = newRow(lease());
      await writes.insert(row);
      const ofLease = { instanceId: row.lease?.instanceId, promptId: row.lease?.promptId, startedAt: undefined };
      const told = { ...ofLease, epoch: 1, cause: 'gone', report: undefined };
      const written =
        kind === 'finish'
          ? writes.finish({ ...told, ...NO_RESULT, id: row.id, state: 'failed', finishedAt: 1_000_001 })
          : writes.returnLease({ ...told, requestId: row.id, losses: 1, endedAt: 1_000_001 });
      expect(await written).toBe(true);
      expect(await stateOf(row.id)).toBe(kind === 'finish' ? 'failed' : 'queued');
      await writes.stop();
    }
  });

  it('says of a result that it cannot be recorded', async () => {
    const writes = writesOver(refusing(1));
    const row = newRow(lease());
    await writes.insert(row);
    const told = { ...lease(), epoch: 1, startedAt: undefined, cause: 'succeeded', report: undefined };
    const written = writes.finish({ ...told, ...NO_RESULT, id: row.id, state: 'succeeded', finishedAt: 1_000_001 });
    await expect(written).rejects.toThrow('permission denied');
    await writes.stop();
  });
});

describe('a submit that was refused for want of the database, although its row was kept', () => {
  const FOR_EVER = 1_000_000;

  it.each([
    ['waiting', undefined],
    ['leased', lease()],
  ])('is taken away before anyone asks for its key (%s)', async (_, held) => {
    const db = losingAnswers(FOR_EVER);
    const writes = createRequestWrites({ db, log: createLog('silent'), insertWithinMs: 1 });
    const row = newRow(held);
    const key = { key: `k-${row.id}`, bodySha256: 'b', staleBefore: 0 };
    await expect(writes.insertUnderKey(row, key)).rejects.toThrow(DatabaseUnavailable);
    expect(await stateOf(row.id)).toBe(held ? 'active' : 'queued');
    // Deleted, and the answer got lost again: it is tried until it is certain.
    await expect(writes.forgetRefused()).rejects.toThrow(DatabaseUnavailable);
    expect(await stateOf(row.id)).toBeUndefined();
    expect(await findIdempotencyKey(database.db(), { accountId: ACCOUNT, key: key.key })).toBeUndefined();
    await writes.stop();
  });

  it.each([
    ['waiting', undefined],
    ['leased', lease()],
  ])('stays when another replica has given it out meanwhile (%s)', async (_, held) => {
    const writes = createRequestWrites({ db: losingAnswers(1), log: createLog('silent'), insertWithinMs: 0 });
    const row = newRow(held);
    await expect(writes.insert(row)).rejects.toThrow(DatabaseUnavailable);
    if (held) await adoptLeases(database.db());
    else await takeLeases(database.db(), [{ ...lease(), requestId: row.id, epoch: 1, now: 1_000_000 }]);
    await writes.forgetRefused();
    expect(await stateOf(row.id)).toBe('active');
    await writes.stop();
  });

  it('is taken away as soon as the database answers again', async () => {
    const db = losingAnswers(FOR_EVER);
    const writes = createRequestWrites({ db, log: createLog('silent'), insertWithinMs: 1 });
    const row = newRow(lease());
    await expect(writes.insert(row)).rejects.toThrow(DatabaseUnavailable);
    db.comeBack();
    await expect.poll(() => stateOf(row.id)).toBeUndefined();
    await writes.stop();
  });
});
