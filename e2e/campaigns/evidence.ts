// What back ends and database testify once a campaign is over: the files in which the back ends wrote down what they
// began, and the final rows of requests and attempts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Attempt, Execution, Row } from './history.pure.ts';

export function readExecutions(files: readonly string[]): Execution[] {
  return files.filter(existsSync).flatMap((file) => readFileSync(file, 'utf8').split('\n').flatMap(readLine));
}

function readLine(line: string): Execution[] {
  let entry: { prompt_id: string; started_at: number; prompt?: Record<string, { inputs: { color?: number } }> };
  try {
    entry = JSON.parse(line);
  } catch {
    return []; // the end of a file, or the last words of a killed process
  }
  // Only the line about a start has the graph.
  const colour = entry.prompt?.['1']?.inputs.color;
  return colour === undefined ? [] : [{ promptId: entry.prompt_id, colour, startedAt: entry.started_at }];
}

export async function readDatabase(dataDir: string): Promise<{ rows: Row[]; attempts: Attempt[] }> {
  const client = new pg.Client({ host: join(dataDir, 'postgres'), port: 5432, user: 'comfleet', database: 'comfleet' });
  await client.connect();
  try {
    const requests = await client.query<{ id: string; state: string; body: string }>(
      'select r.id, r.state, p.body from requests r join request_payloads p on p.request_id = r.id',
    );
    const attempts = await client.query<
      Record<'request_id' | 'prompt_id' | 'outcome' | 'cause', string> & { ms: number }
    >('select request_id, prompt_id, outcome, cause, extract(epoch from ended_at)::float8 * 1000 as ms from attempts');
    return {
      rows: requests.rows.map(({ id, state, body }) => ({ requestId: id, state, colour: readColour(body) })),
      attempts: attempts.rows.map((row) => ({
        requestId: row.request_id,
        promptId: row.prompt_id ?? undefined,
        outcome: row.outcome,
        cause: row.cause,
        endedAt: row.ms,
      })),
    };
  } finally {
    await client.end();
  }
}

function readColour(body: string): number {
  const found = /"color":\s*(\d+)/.exec(body);
  if (found === null) throw new Error(`no colour in the stored body ${body.slice(0, 200)}`);
  return Number(found[1]);
}
