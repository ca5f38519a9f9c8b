// The right to one data directory: an advisory lock held by a connection that does nothing else. It dies with the
// process that holds it, so a kill -9 leaves no stale lock; and whoever does not hold it must leave the server alone.
import pg from 'pg';
import { PORT, SUPERUSER } from './cluster.ts';

export type GuardAttempt =
  | { readonly kind: 'held-by-us'; readonly client: pg.Client }
  | { readonly kind: 'held-by-other'; readonly holder: string }
  /** `isStarting`: a server is there and says that it is starting up or shutting down. */
  | { readonly kind: 'no-server'; readonly cause: unknown; readonly isStarting: boolean };

const KEY = 0x636f6d66;
const STARTING_OR_STOPPING = '57P03';

export async function tryGuard(host: string): Promise<GuardAttempt> {
  const client = new pg.Client({
    host,
    port: PORT,
    user: SUPERUSER,
    database: 'postgres',
    application_name: `comfleet guard ${process.pid}`,
    connectionTimeoutMillis: 5_000,
  });
  // A connection that breaks in use ends; its owner listens to 'end'.
  client.on('error', () => {});
  try {
    await client.connect();
    const taken = await client.query<{ ok: boolean }>(`select pg_try_advisory_lock(${KEY}) as ok`);
    if (taken.rows[0]?.ok) return { kind: 'held-by-us', client };
    const holder = await findHolder(client);
    await client.end();
    return { kind: 'held-by-other', holder };
  } catch (cause) {
    await client.end().catch(() => undefined);
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return { kind: 'no-server', cause, isStarting: code === STARTING_OR_STOPPING };
  }
}

async function findHolder(client: pg.Client): Promise<string> {
  const found = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objid = ${KEY}`,
  );
  return found.rows[0]?.name.replace('comfleet guard', 'process') ?? 'another process';
}

export async function ensureDatabase(client: pg.Client, name: string): Promise<void> {
  const found = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (found.rows.length === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
}

const END_WITHIN_MS = 5_000;

/**
 * A killed service leaves statements behind, and its server goes on with them. What they commit after the start has read
 * what there is, nobody would notice until the next one. Sessions that are not a service's (psql) go on.
 */
export async function endEarlierSessions(client: pg.Client, database: string): Promise<{ left: number }> {
  const ended = await client.query<{ has_ended: boolean }>(
    `select pg_terminate_backend(pid, ${END_WITHIN_MS}) as has_ended from pg_stat_activity
     where datname = $1 and pid <> pg_backend_pid() and application_name ~ '^comfleet (jobs )?[0-9]+$'`,
    [database],
  );
  return { left: ended.rows.filter(({ has_ended }) => !has_ended).length };
}
