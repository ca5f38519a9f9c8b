// The statements about who is the brain: table leadership, and the sessions of a replica, which are named after it.
// Called by leader.ts on a connection of its own, and by fence.ts on every new connection of a pool.
import type { ClientBase } from 'pg';
import type { Look } from './leader.pure.ts';

interface Row {
  readonly term: number;
  readonly holder: string | null;
  readonly url: string | null;
  readonly beat: number;
  readonly sessions: number;
  readonly now_ms: number;
}

/** Behind the name of each session; sessions are told apart by it. */
export const REPLICA_ID_LENGTH = 36;

export async function lookAtBrain(client: ClientBase): Promise<Look> {
  const { rows } = await client.query<Row>(`
    select term::float8, holder, url, beat::float8, extract(epoch from clock_timestamp())::float8 * 1000 as now_ms,
      (select count(*)::int from pg_stat_activity
       where datname = current_database() and right(application_name, ${REPLICA_ID_LENGTH}) = holder) as sessions
    from leadership`);
  const row = rows[0];
  if (row === undefined)
    throw new Error('table leadership has no row: restore it with "insert into leadership default values"');
  const { term, beat, sessions, now_ms } = row;
  const tickMs = performance.now();
  return { term, holder: row.holder ?? undefined, url: row.url ?? undefined, beat, sessions, dbNowMs: now_ms, tickMs };
}

/** The new term, unless another was faster or the brain moved after all. */
export async function beginTerm(
  client: ClientBase,
  { seen, id, url }: { seen: Look; id: string; url: string },
): Promise<number | undefined> {
  const { rows } = await client.query<{ term: number }>(
    `update leadership set term = term + 1, holder = $1, url = $2, beat = beat + 1, beat_at = clock_timestamp()
     where term = $3 and beat = $4 returning term::float8`,
    [id, url, seen.term, seen.beat],
  );
  return rows[0]?.term;
}

/** False when another is the brain by now. */
export async function beat(client: ClientBase, { term, id }: { term: number; id: string }): Promise<boolean> {
  const { rowCount } = await client.query(
    `update leadership set beat = beat + 1, beat_at = clock_timestamp() where term = $1 and holder = $2`,
    [term, id],
  );
  return rowCount === 1;
}

export async function endTerm(client: ClientBase, { term, id }: { term: number; id: string }): Promise<void> {
  await client.query(
    `update leadership set holder = null, url = null, beat = beat + 1, beat_at = clock_timestamp()
     where term = $1 and holder = $2`,
    [term, id],
  );
}

export async function readTerm(client: ClientBase): Promise<number | undefined> {
  const { rows } = await client.query<{ term: number }>('select term::float8 from leadership');
  return rows[0]?.term;
}

/** Ends the sessions of a replica; how many there still were. */
export async function endSessions(client: ClientBase, replicaId: string): Promise<number> {
  const { rowCount } = await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and right(application_name, ${REPLICA_ID_LENGTH}) = $1`,
    [replicaId],
  );
  return rowCount ?? 0;
}

export async function countOtherReplicas(client: ClientBase, id: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where datname = current_database()
       and application_name like 'comfleet leader %' and right(application_name, ${REPLICA_ID_LENGTH}) <> $1`,
    [id],
  );
  return rows[0]?.count ?? 0;
}

/** Apart from the locks that others take by a single number. */
const LOCK_SPACE = 0x636f6d66;
const BRAIN_KEY = 1;

/** Held by the brain's own connection for as long as it lives; services of before the replicas hold it too. */
export async function tryBrainLock(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ ok: boolean }>('select pg_try_advisory_lock($1, $2) as ok', [
    LOCK_SPACE,
    BRAIN_KEY,
  ]);
  return rows[0]?.ok ?? false;
}

export async function giveBackBrainLock(client: ClientBase): Promise<void> {
  await client.query('select pg_advisory_unlock($1, $2)', [LOCK_SPACE, BRAIN_KEY]);
}

/** The name of the session that has it. */
export async function nameLockHolder(client: ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid = $1 and l.objid = $2
       and l.database = (select oid from pg_database where datname = current_database())`,
    [LOCK_SPACE, BRAIN_KEY],
  );
  return rows[0]?.name;
}
