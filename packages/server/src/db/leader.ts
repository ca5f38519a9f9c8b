// Who is the brain: one replica at a time, the one whose own connection holds an advisory lock. The lock dies with the
// connection, so a killed leader is followed as soon as PostgreSQL notices. Called by the leader's loop, which asks
// again every second or two while another replica leads.
import pg from 'pg';
import { clientConfig, type DatabaseLocation, type DatabaseLog } from './connection.ts';
import { DatabaseUnavailable, isConnectionLoss } from './database-unavailable.ts';

export type Leadership =
  | { readonly kind: 'leader'; release(): Promise<void> }
  /** `holder`: the application name of the leader's connection, for the log. */
  | { readonly kind: 'held-by-other'; readonly holder: string };

export type LeaderDeps = DatabaseLocation & {
  /** Any number below 2^31; one for each thing to be leader of. */
  readonly key: number;
  /** Called once, when the lock is lost without `release`: stop deciding at once, another may lead already. */
  readonly onLost: (cause: Error) => void;
  readonly log: DatabaseLog;
  readonly heartbeatMs?: number;
};

const DEFAULT_HEARTBEAT_MS = 2_000;
/** Apart from the locks that others take by a single number. */
const LOCK_SPACE = 0x636f6d66;

/** Throws DatabaseUnavailable when there is no database to ask. */
export async function takeLeadership(deps: LeaderDeps): Promise<Leadership> {
  const heartbeatMs = deps.heartbeatMs ?? DEFAULT_HEARTBEAT_MS;
  const client = new pg.Client({
    ...clientConfig(deps, { applicationName: `comfleet leader ${process.pid}`, statementTimeoutMs: 0 }),
    query_timeout: heartbeatMs * 2,
  });
  let lastError: Error | undefined;
  client.on('error', (error) => {
    lastError = error;
  });
  try {
    await client.connect();
    const taken = await client.query<{ ok: boolean }>('select pg_try_advisory_lock($1, $2) as ok', [
      LOCK_SPACE,
      deps.key,
    ]);
    if (taken.rows[0]?.ok) return lead({ ...deps, heartbeatMs }, client, () => lastError);
    const holder = await findHolder(client, deps.key);
    await client.end();
    return { kind: 'held-by-other', holder };
  } catch (error) {
    await client.end().catch(() => undefined);
    if (isConnectionLoss(error)) throw new DatabaseUnavailable(false, { cause: error });
    throw error;
  }
}

function lead(
  deps: LeaderDeps & { heartbeatMs: number },
  client: pg.Client,
  lastError: () => Error | undefined,
): Leadership {
  let isOver = false;
  const lose = (cause: Error): void => {
    if (isOver) return;
    isOver = true;
    clearInterval(heartbeat);
    deps.log.warn({ err: cause, key: deps.key }, 'leadership was lost');
    // A connection that only seems dead would hold the lock on.
    client.end().catch(() => undefined);
    deps.onLost(cause);
  };
  // A cut network says nothing by itself; without an answer the lock may be gone on the other side.
  const heartbeat = setInterval(() => void client.query('select 1').catch(lose), deps.heartbeatMs);
  heartbeat.unref();
  client.once('end', () => lose(lastError() ?? new Error('the connection ended')));
  return {
    kind: 'leader',
    release: async () => {
      if (isOver) return;
      isOver = true;
      clearInterval(heartbeat);
      await client.end();
    },
  };
}

async function findHolder(client: pg.Client, key: number): Promise<string> {
  const found = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid = $1 and l.objid = $2
       and l.database = (select oid from pg_database where datname = current_database())`,
    [LOCK_SPACE, key],
  );
  return found.rows[0]?.name ?? 'another replica';
}
