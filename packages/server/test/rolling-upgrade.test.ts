// A rolling upgrade, with services as processes: this release runs, the next one comes with a migration that adds something to
// every table, and takes over in the end. Nothing stops meanwhile, and nothing runs twice.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { type Caller, createCaller } from '../testing/caller.ts';
import { ADMIN_TOKEN } from '../testing/create-test-app.ts';
import { createReplicaProcesses, type ReplicaProcess, type Replicas } from '../testing/run-replicas.ts';
import { useTestDatabase } from '../testing/test-database.ts';
import { until } from '../testing/until.ts';

const used = useTestDatabase();
const dir = mkdtempSync(join(tmpdir(), 'comfleet-upgrade-'));
const executionsFile = join(dir, 'executions.jsonl');
const emulator = createEmulator({ baseDir: dir, nullExec: true, executionsFile, faults: { serviceMs: 30 } });
let replicas: Replicas;

beforeAll(async () => {
  const tables = await used.db().query<{ name: string }>(sql`
    select table_name as name from information_schema.tables where table_schema = 'public' order by 1`);
  const added = tables.map(({ name }) => `alter table ${name} add column of_the_next int not null default 0;`);
  const nextMigration = ['create table of_the_next (id int);', ...added].join('\n');
  const { port } = await emulator.start();
  const comfyuiUrl = `http://127.0.0.1:${port}`;
  replicas = await createReplicaProcesses({ connection: used.connection(), comfyuiUrl, nextMigration });
});
afterAll(async () => {
  await replicas.stop();
  await emulator.stop();
  rmSync(dir, { recursive: true, force: true });
});

const callerOf = ({ url }: ReplicaProcess): Caller =>
  createCaller({ url: () => url, token: ADMIN_TOKEN, db: used.db() });

async function stop(replica: ReplicaProcess): Promise<void> {
  replica.signal('SIGTERM');
  expect(await replica.ended()).toBe(0);
}

function countRuns(requestId: string): number {
  const lines = readFileSync(executionsFile, 'utf8').split('\n');
  return lines.filter((line) => line.includes(requestId)).length;
}

it('services of this release serve on beside one of the next, whose migration they do not know, until it takes over', async () => {
  const first = await replicas.start();
  const second = await replicas.start();
  const deploymentId = await callerOf(first).createDeployment();
  const accepted: string[] = [];
  const callOn = async (replica: ReplicaProcess, count: number) => {
    for (let n = 0; n < count; n += 1) accepted.push(await callerOf(replica).submit(deploymentId));
  };

  // While it migrates, the others are called.
  const [next] = await Promise.all([replicas.start('next'), callOn(first, 10), callOn(second, 10)]);
  expect(await used.db().query(sql`select name from migrations where number = (select max(number) from migrations)`)) //
    .toEqual([{ name: expect.stringContaining('_next_release.sql') }]);
  const all = [first, second, next];
  expect(await Promise.all(all.map((replica) => replica.role()))).toEqual(['brain', 'follower', 'follower']);
  for (const replica of all) await callOn(replica, 3);
  // Edits, accounts, tokens, lists: every door of the old ones still opens.
  const old = callerOf(second);
  await old.createDeployment();
  await old.addAccount();
  for (const path of [
    '/account',
    '/deployments',
    '/workflows',
    '/events',
    '/balance',
    '/tokens',
    `/deployments/${deploymentId}/requests`,
  ])
    expect((await old.call(path)).status, path).toBeLessThan(300);

  // One of this release starts all the same: a rollback works.
  await stop(second);
  const third = await replicas.start();
  await callOn(third, 3);

  await stop(third);
  await callOn(first, 3);
  await stop(first);
  await until('the next release leads', async () => (await next.role()) === 'brain');
  await callOn(next, 3);
  for (const id of accepted) expect((await callerOf(next).untilEnded(deploymentId, id))['status']).toBe('succeeded');
  expect(accepted.map(countRuns)).toEqual(accepted.map(() => 1));
});
