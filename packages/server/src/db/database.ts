// The service's way to PostgreSQL: query, transaction, listen, and whether the database is there. Made once in app.ts.
// A lost connection becomes DatabaseUnavailable; the pool connects again by itself. Times, bigints: see row-values.ts.
import pg from 'pg';
import { type Availability, createAvailability } from './availability.ts';
import { clientConfig, type DatabaseLocation, type DatabaseLog, fenced } from './connection.ts';
import { DatabaseUnavailable, isConnectionLoss, isPassing } from './database-unavailable.ts';
import { Deposed } from './fence.ts';
import { createListener, type Listener } from './listener.ts';
import type { Sql } from './sql.ts';
import { storableText } from './storable.pure.ts';

export interface Queryable {
  query<Row>(statement: Sql): Promise<Row[]>;
}

export interface TransactionOptions {
  /** 0: no limit. */
  readonly statementTimeoutMs?: number;
}

export interface Database extends Queryable {
  /** Commits when `run` resolves, rolls back when it rejects. */
  transaction<T>(run: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Calls back with each payload, and with undefined when notifications may have been missed. Gives the way to stop. */
  listen(channel: string, onNotify: (payload: string | undefined) => void): Promise<() => Promise<void>>;
  /** False from the first lost connection until a probe gets through again. */
  ready(): boolean;
  onDown(call: () => void): () => void;
  onReady(call: () => void): () => void;
  /** Connections that are open, of them idle, and calls that wait for one. */
  pool(): { total: number; idle: number; waiting: number };
  stop(): Promise<void>;
}

export type DatabaseDeps = DatabaseLocation & {
  readonly log: DatabaseLog;
  readonly poolSize?: number;
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
};

const DEFAULT_POOL_SIZE = 10;
const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000;
/** A server that is stopped or cut off does not time its statements out; then this side gives up this much later. */
const ANSWER_GRACE_MS = 2_000;
const PROBE = { text: 'select 1', query_timeout: 3_000 } as pg.QueryConfig;

interface Session {
  readonly pool: pg.Pool;
  readonly availability: Availability;
  readonly statementTimeoutMs: number;
}

export function createDatabase(deps: DatabaseDeps): Database {
  const { log, statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS } = deps;
  const settings = { applicationName: deps.applicationName ?? `comfleet ${process.pid}`, statementTimeoutMs };
  const pool = new pg.Pool({
    ...clientConfig(deps, settings),
    ...fenced(deps),
    max: deps.poolSize ?? DEFAULT_POOL_SIZE,
    // The first request after a quiet night does not wait for a connection.
    min: 2,
    idleTimeoutMillis: 60_000,
  });
  const availability = createAvailability({ probe: () => pool.query(PROBE), log });
  // An 'error' event without a listener ends the process. The query in flight fails with the same cause.
  pool.on('connect', (client) => void client.on('error', () => {}));
  // One idle connection that ends may be all there is to it.
  pool.on('error', availability.suspect);
  const session: Session = { pool, availability, statementTimeoutMs };
  const listener: Listener = createListener({ config: clientConfig(deps, settings), log });
  return {
    query: (statement) => queryOnce(session, statement),
    transaction: (run, options) => runTransaction(session, run, options ?? {}),
    listen: listener.listen,
    ready: availability.isUp,
    onDown: availability.onDown,
    onReady: availability.onUp,
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    stop: async () => {
      availability.stop();
      await listener.stop();
      await pool.end();
    },
  };
}

async function connect({ pool, availability }: Session): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    // A brain that was replaced is about to end: whoever calls it meanwhile calls again, and meets another.
    if (error instanceof Deposed) throw new DatabaseUnavailable(false, { cause: error });
    if (!isConnectionLoss(error)) throw error;
    availability.markDown(error);
    throw new DatabaseUnavailable(false, { cause: error });
  }
}

function queryConfig(statement: Sql, timeoutMs: number): pg.QueryConfig {
  return {
    text: statement.text,
    values: statement.values.map((value) => (typeof value === 'string' ? storableText(value) : value)),
    ...(statement.name === undefined ? {} : { name: statement.name }),
    ...(timeoutMs === 0 ? {} : { query_timeout: timeoutMs + ANSWER_GRACE_MS }),
  };
}

/** Begin, commit and rollback: a server that is cut off answers none of them. */
function bounded(text: string, { statementTimeoutMs }: Session): pg.QueryConfig {
  return queryConfig({ text, values: [] }, statementTimeoutMs);
}

async function queryOnce<Row>(session: Session, statement: Sql): Promise<Row[]> {
  const client = await connect(session);
  try {
    const result = await client.query(queryConfig(statement, session.statementTimeoutMs));
    client.release();
    return result.rows as Row[];
  } catch (error) {
    const lost = isConnectionLoss(error);
    client.release(lost);
    if (isPassing(error)) throw new DatabaseUnavailable(false, { cause: error });
    if (!lost) throw error;
    session.availability.markDown(error);
    throw new DatabaseUnavailable(true, { cause: error });
  }
}

async function runTransaction<T>(
  session: Session,
  run: (tx: Queryable) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const client = await connect(session);
  const timeoutMs = options.statementTimeoutMs ?? session.statementTimeoutMs;
  const tx: Queryable = {
    query: async <Row>(statement: Sql) => (await client.query(queryConfig(statement, timeoutMs))).rows as Row[],
  };
  let committing = false;
  try {
    const limit = options.statementTimeoutMs === undefined ? '' : `; set local statement_timeout = ${timeoutMs}`;
    await client.query(bounded(`begin${limit}`, session));
    const value = await run(tx);
    committing = true;
    await client.query(bounded('commit', session));
    client.release();
    return value;
  } catch (error) {
    const lost = isConnectionLoss(error) || !(await rollBack(client, session));
    client.release(lost);
    if (isPassing(error)) throw new DatabaseUnavailable(false, { cause: error });
    if (!isConnectionLoss(error)) throw error;
    session.availability.markDown(error);
    // Before the commit was sent nothing can have been kept.
    throw new DatabaseUnavailable(committing, { cause: error });
  }
}

async function rollBack(client: pg.PoolClient, session: Session): Promise<boolean> {
  try {
    await client.query(bounded('rollback', session));
    return true;
  } catch {
    // The connection is thrown away, which rolls back as well.
    return false;
  }
}
