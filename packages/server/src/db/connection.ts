// Where PostgreSQL is, and how each session of this service is set up. Used by everything in db/ that connects.
import type pg from 'pg';
import type { Fence } from './fence.ts';
import { rowValueTypes } from './row-values.ts';

/** In pieces, as the embedded PostgreSQL gives it: then `host` is the folder of its socket. */
export interface ConnectionParts {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
}

/** `url` is a DATABASE_URL. With a fence the database is shared by replicas. */
export type DatabaseLocation = ({ readonly connection: ConnectionParts } | { readonly url: string }) & {
  readonly fence?: Fence;
};

/** What db/ writes to: a pino logger fits. */
export interface DatabaseLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const CONNECT_TIMEOUT_MS = 5_000;

// Every statement of ours goes by keys. A plan that is made and kept while a table is small would scan or hash it whole,
// and go on doing so at 100,000 rows until the next analyze: measured, the cost of a finish grew by the thousand.
// And none compiled: a statement that does have to scan would look dear enough to spend a quarter of a second on that.
// One plan a statement, too: the length of an array parameter would have each call planned anew, dearer than running it.
const PLANS =
  '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off';

export interface SessionSettings {
  readonly applicationName: string;
  readonly statementTimeoutMs: number;
}

/** UTC is what row-values.ts reads instants in. */
export function clientConfig(location: DatabaseLocation, settings: SessionSettings): pg.ClientConfig {
  const place = 'url' in location ? { connectionString: location.url } : { ...location.connection };
  return {
    ...place,
    application_name: nameSession(location, settings.applicationName),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: rowValueTypes,
    options: `-c timezone=UTC -c statement_timeout=${settings.statementTimeoutMs} ${PLANS}`,
  };
}

function nameSession({ fence }: DatabaseLocation, name: string): string {
  return fence === undefined ? name : `${name} ${fence.replicaId}`;
}

/** For a pool: what a new session has to pass before it is used. */
export function fenced({ fence }: DatabaseLocation): Pick<pg.PoolConfig, 'onConnect'> {
  return fence === undefined ? {} : { onConnect: (client) => fence.check(client) };
}
