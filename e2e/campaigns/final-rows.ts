// The final database, as it testifies at the end of a campaign. Read by verdict.ts, over a connection of its own that no
// fault touches.
import pg from 'pg';
import type { Attempt, Delivery, LedgerEntry, Row, StoredFile } from './history.pure.ts';

export interface FinalRows {
  readonly rows: Row[];
  readonly attempts: Attempt[];
  readonly files: StoredFile[];
  readonly deliveries: Delivery[];
  readonly ledger: LedgerEntry[];
  readonly openMeters: readonly string[];
  /** Instances by their address, and lives that are not over, of those that a provider starts. */
  readonly instances: readonly { readonly id: string; readonly address: string }[];
  readonly openLives: readonly string[];
}

export async function readDatabase(config: pg.ClientConfig): Promise<FinalRows> {
  return await withClient(config, async (client) => {
    const select = async <T extends pg.QueryResultRow>(text: string) => (await client.query<T>(text)).rows;
    return {
      rows: (await select<RequestRow>(REQUESTS)).map(toRow),
      attempts: (await select<AttemptRow>(ATTEMPTS)).map(toAttempt),
      files: (await select<FileRow>(FILES)).map(toFile),
      deliveries: await select<Delivery>(
        `select request_id as "requestId", status from webhook_deliveries where event = 'ended'`,
      ),
      ledger: (await select<EntryRow>(LEDGER)).map(toEntry),
      openMeters: (await select<{ id: string }>(OPEN_METERS)).map(({ id }) => id),
      instances: await select<{ id: string; address: string }>('select id, address from instances'),
      openLives: (await select<{ id: string }>('select id from instance_lives where gone_at is null')).map(
        ({ id }) => id,
      ),
    };
  });
}

export interface Unfinished {
  readonly requests: readonly string[];
  readonly deliveries: number;
}

export async function readUnfinished(config: pg.ClientConfig): Promise<Unfinished> {
  return await withClient(config, async (client) => {
    const requests = await client.query<{ id: string }>('select id from requests where finished_at is null');
    const owed = await client.query<{ count: number }>(
      `select count(*)::int as count from webhook_deliveries where status = 'pending'`,
    );
    return { requests: requests.rows.map(({ id }) => id), deliveries: owed.rows[0]?.count ?? 0 };
  });
}

async function withClient<T>(config: pg.ClientConfig, read: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  // A database that dies in the middle shows at the query, too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await read(client);
  } finally {
    await client.end();
  }
}

interface RequestRow {
  id: string;
  state: string;
  body: string;
  error_code: number | null;
}

const REQUESTS = `select r.id, r.state, r.error_code, p.body
  from requests r join request_payloads p on p.request_id = r.id`;

function toRow({ id, state, body, error_code }: RequestRow): Row {
  return { requestId: id, state, colour: readColour(body), errorCode: error_code ?? undefined };
}

function readColour(body: string): number {
  const found = /"color":\s*(\d+)/.exec(body);
  if (found === null) throw new Error(`no colour in the stored body ${body.slice(0, 200)}`);
  return Number(found[1]);
}

interface AttemptRow {
  request_id: string;
  epoch: number;
  prompt_id: string | null;
  instance_id: string | null;
  outcome: string;
  cause: string;
  ended_ms: number;
  started_ms: number | null;
}

const ATTEMPTS = `select request_id, epoch, prompt_id, instance_id, outcome, cause,
  extract(epoch from ended_at)::float8 * 1000 as ended_ms,
  extract(epoch from started_at)::float8 * 1000 as started_ms from attempts`;

function toAttempt(row: AttemptRow): Attempt {
  return {
    requestId: row.request_id,
    epoch: row.epoch,
    promptId: row.prompt_id ?? undefined,
    instanceId: row.instance_id ?? undefined,
    outcome: row.outcome,
    cause: row.cause,
    endedAt: row.ended_ms,
    startedAt: row.started_ms ?? undefined,
  };
}

interface FileRow {
  request_id: string;
  sha256: string;
  storage_key: string | null;
  ended_ms: number | null;
}

const FILES = `select f.request_id, f.sha256, f.storage_key,
  extract(epoch from r.finished_at)::float8 * 1000 as ended_ms
  from request_files f left join requests r on r.id = f.request_id`;

function toFile(row: FileRow): StoredFile {
  return {
    requestId: row.request_id,
    sha256: row.sha256,
    storageKey: row.storage_key ?? undefined,
    endedAt: row.ended_ms ?? undefined,
  };
}

interface EntryRow {
  account_id: string;
  kind: string;
  microdollars: number;
  request_id: string | null;
  instance_id: string | null;
  from_ms: number | null;
  duration_ms: number | null;
}

const LEDGER = `select account_id, kind, amount_microdollars::float8 as microdollars, request_id, instance_id,
  from_ms::float8, duration_ms::float8 from ledger`;

const OPEN_METERS = 'select instance_id as id from metered_instances where gone_at is null';

function toEntry(row: EntryRow): LedgerEntry {
  return {
    accountId: row.account_id,
    kind: row.kind,
    microdollars: row.microdollars,
    requestId: row.request_id ?? undefined,
    instanceId: row.instance_id ?? undefined,
    fromMs: row.from_ms ?? undefined,
    durationMs: row.duration_ms ?? undefined,
  };
}
