// The connection by which a replica follows, or leads: one of its own, whose end is the sign of its process's end, and
// which hears at once when the brain changes. Opened by leader.ts.
import pg from 'pg';
import { clientConfig, type DatabaseLocation } from './connection.ts';

const ANSWER_WITHIN_MS = 2_000;
const CHANNEL = 'comfleet_brain';

export async function openClient(
  location: DatabaseLocation,
  { onNotice, onLost }: { onNotice: () => void; onLost: () => void },
): Promise<pg.Client> {
  const settings = { applicationName: `comfleet leader ${process.pid}`, statementTimeoutMs: ANSWER_WITHIN_MS };
  const client = new pg.Client({ ...clientConfig(location, settings), query_timeout: ANSWER_WITHIN_MS });
  client.on('error', onLost);
  client.once('end', onLost);
  client.on('notification', onNotice);
  try {
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** The others look at once. */
export async function tellOfBrain(client: pg.Client): Promise<void> {
  await client.query(`notify ${CHANNEL}`);
}
