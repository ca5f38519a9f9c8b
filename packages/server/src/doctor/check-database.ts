// Whether a DATABASE_URL is what the service needs: there, new enough, with the rights to make tables and to end sessions
// of its own, and with sessions that stay the same. Called by check-start.ts.
import { createDatabase, type Database } from '../db/database.ts';
import { migrationsDir, readMigrations } from '../db/migrate.ts';
import { countServices, endSession, listAppliedMigrations, readBackendPid, readServer } from './database.sql.ts';
import { type Finding, fail, messageOf, ok, warn } from './finding.ts';

const OLDEST = 140_000;
const silent = (): void => undefined;
const log = { info: silent, warn: silent, error: silent };
const WHAT = 'database';

export interface CheckedDatabase {
  readonly findings: Finding[];
  /** Other services that use it now. */
  readonly services: number;
}

/** Throws when it cannot be reached. */
export async function checkDatabase(url: string): Promise<CheckedDatabase> {
  const open = () =>
    createDatabase({ url, log, poolSize: 1, statementTimeoutMs: 5_000, applicationName: 'comfleet check' });
  const [first, second] = [open(), open()];
  try {
    return await check(first, second);
  } finally {
    await Promise.allSettled([first.stop(), second.stop()]);
  }
}

async function check(first: Database, second: Database): Promise<CheckedDatabase> {
  const server = await readServer(first);
  if (server === undefined) return { findings: [fail(WHAT, 'it answers a question with nothing')], services: 0 };
  const findings: Finding[] = [];
  const say = (isGood: boolean, good: string, bad: string) => findings.push(isGood ? ok(WHAT, good) : fail(WHAT, bad));
  const { version_text: version } = server;
  say(
    server.version >= OLDEST,
    `PostgreSQL ${version}`,
    `PostgreSQL ${version} is too old: 14 is the oldest that works.`,
  );
  say(
    server.may_create,
    'tables and schemas may be made',
    'the role may not make tables and schemas: "grant create on database … to …; grant create on schema public to …", or make it the owner of the database.',
  );
  findings.push(...(await checkSessions(first, second)), await checkSchema(first, server.has_schema));
  return { findings, services: await countServices(first) };
}

/** Two connections at a time are two sessions, unless a pooler gives both the same one. */
async function checkSessions(first: Database, second: Database): Promise<Finding[]> {
  const [one, other] = [await readBackendPid(first), await readBackendPid(second)];
  if (one === other) {
    const says =
      'a pooler in transaction mode stands before PostgreSQL, and comfleet needs sessions of its own (LISTEN, locks): connect to PostgreSQL itself, or to a pooler in session mode.';
    return [fail(WHAT, says)];
  }
  try {
    if (await endSession(first, other)) return [ok(WHAT, 'sessions are one’s own, and may be ended by their role')];
    return [fail(WHAT, `session ${other} of the same role could not be ended`)];
  } catch (error) {
    const says = `the role may not end sessions of its own (${messageOf(error)}), by which a brain that sleeps is kept from writing: "grant execute on function pg_terminate_backend to …".`;
    return [fail(WHAT, says)];
  }
}

async function checkSchema(db: Database, hasSchema: boolean): Promise<Finding> {
  const known = readMigrations(migrationsDir()).length;
  if (!hasSchema) return ok('schema', `none yet: the first start makes it (${known} migrations)`);
  const applied = await listAppliedMigrations(db);
  const newer = applied.filter(({ number }) => number > known);
  const breaking = newer.find(({ is_breaking }) => is_breaking);
  if (breaking) {
    return fail(
      'schema',
      `a newer comfleet changed it (${breaking.name}) in a way that this version cannot work with: start the newer one.`,
    );
  }
  if (newer.length > 0) return warn('schema', `a newer comfleet changed it; this version goes on working beside it.`);
  const missing = known - applied.length;
  return ok('schema', missing === 0 ? `current (${known} migrations)` : `the next start applies ${missing} migrations`);
}
