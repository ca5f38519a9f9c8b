// R9: the database is killed, restarted or stands still under load, and connections are killed in the middle of their
// transactions. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Campaign, Scene } from './campaign.ts';
import { isAlive, waitUntil } from './child-process.ts';
import type { Stage } from './stage.ts';
import { pauseProcesses } from './standstill.ts';

/** How PostgreSQL ends on each: at once without a word, at once with a word to its sessions, after their statements are undone. */
const ENDS = { 'kill -9': 'SIGKILL', 'immediate restart': 'SIGQUIT', 'fast restart': 'SIGINT' } as const;
const KINDS = ['kill -9', 'kill -9', 'immediate restart', 'fast restart', 'standstill', 'killed connections'] as const;
type Kind = (typeof KINDS)[number];

const BETWEEN_MS: readonly [number, number] = [50, 1_500];
const STANDSTILL_MS: readonly [number, number] = [500, 3_000];
const ENDED_WITHIN_MS = 20_000;
const UP_WITHIN_MS = 60_000;
/** Somebody is in a transaction most of the time. */
const FOUND_WITHIN_MS = 5_000;

export const R9: Campaign = {
  what: 'the database is killed, restarted or stands still under load; connections are killed in their transactions',
  stage: () => ({ setUp: 'embedded' }),
  callers: 50,
  pollMs: 500,
  hasWebhooks: true,
  kinds: ['plain', 'plain', 'media', 'plain', 'large', 'secret'],
  async play(scene) {
    const { stage, random, tries, tell, callers } = scene;
    const strikes: Record<string, number> = {};
    const acceptsAgain: number[] = [];
    let missed = 0;
    for (let strike = 1; strike <= tries; strike += 1) {
      await sleep(random.between(...BETWEEN_MS));
      const kind = random.pick(KINDS);
      if (await strikeOnce(scene, kind)) strikes[kind] = (strikes[kind] ?? 0) + 1;
      else missed += 1;
      // One in four is followed by the next while it still starts.
      if (random.next() < 0.75) acceptsAgain.push(await callers.submitOne());
      tell(`${strike}/${tries} ${kind}`);
    }
    await waitUntil(() => stage.databasePid() !== undefined, UP_WITHIN_MS);
    return { strikes, missed, times: { 'accepts again': acceptsAgain } };
  },
};

/** False: there was nothing to strike. */
async function strikeOnce({ stage, random }: Scene, kind: Kind): Promise<boolean> {
  if (kind === 'killed connections') return await killConnections(stage);
  await waitUntil(() => isRunning(stage), UP_WITHIN_MS);
  const pid = stage.databasePid();
  if (pid === undefined || !isAlive(pid)) return false;
  if (kind === 'standstill') {
    await pauseProcesses(pid, random.between(...STANDSTILL_MS));
    return true;
  }
  process.kill(pid, ENDS[kind]);
  return (await waitUntil(() => !isAlive(pid), ENDED_WITHIN_MS)) !== undefined;
}

function isRunning(stage: Stage): boolean {
  const pid = stage.databasePid();
  return pid !== undefined && isAlive(pid);
}

/** Those that are in a transaction just now. */
const KILL = `select pg_terminate_backend(pid) from pg_stat_activity
  where pid <> pg_backend_pid() and datname = current_database() and xact_start is not null`;

async function killConnections({ database }: Stage): Promise<boolean> {
  const client = new pg.Client(database);
  client.on('error', () => undefined); // it shows at the query
  try {
    await client.connect();
    const hasKilled = async () => (await client.query(KILL)).rows.length > 0;
    return (await waitUntil(hasKilled, FOUND_WITHIN_MS, 5)) !== undefined;
  } catch {
    return false; // the database is just starting
  } finally {
    await client.end().catch(() => undefined);
  }
}
