// Several services as processes on one database: the brain is killed, put to sleep, stopped, and everything goes on.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { type Caller, createCaller } from '../testing/caller.ts';
import { ADMIN_TOKEN } from '../testing/create-test-app.ts';
import { measurePace } from '../testing/measure-pace.ts';
import { createReplicaProcesses, type ReplicaProcess, type Replicas } from '../testing/run-replicas.ts';
import { useTestDatabase } from '../testing/test-database.ts';
import { until } from '../testing/until.ts';

const SERVICE_MS = 200;
/** On an idle machine together the 2 s that are promised: until a silence is one, and what there is to do then. */
const NOTICED_WITHIN_MS = 1_650;
const BEGUN_WITHIN_MS = 350;
/** As in leader.pure.ts: what counts as one, and what a single look may add to it. */
const SILENCE_MS = 1_200;
const LONGEST_STEP_MS = 500;

describe('replicas as processes', () => {
  const used = useTestDatabase();
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-replicas-emulator-'));
  const executionsFile = join(dir, 'executions.jsonl');
  const emulator = createEmulator({ baseDir: dir, nullExec: true, executionsFile, faults: { serviceMs: SERVICE_MS } });
  let replicas: Replicas;
  let brain: ReplicaProcess;
  let follower: ReplicaProcess;
  let deploymentId: string;

  const callerOf = ({ url }: ReplicaProcess): Caller =>
    createCaller({ url: () => url, token: ADMIN_TOKEN, db: used.db() });

  beforeAll(async () => {
    const { port } = await emulator.start();
    const comfyuiUrl = `http://127.0.0.1:${port}`;
    replicas = await createReplicaProcesses({ connection: used.connection(), comfyuiUrl });
    brain = await replicas.start();
    follower = await replicas.start();
    expect([await brain.role(), await follower.role()]).toEqual(['brain', 'follower']);
    deploymentId = await callerOf(follower).createDeployment();
  });
  afterAll(async () => {
    await replicas.stop();
    await emulator.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  /** The one that is left is joined by another. */
  afterEach(async () => {
    brain = await until('there is a brain', () => replicas.brain());
    follower = await replicas.start();
  });

  /** At once: on a busy machine the first would otherwise be over before the last is there. */
  const submitMany = async (count: number) => {
    const caller = callerOf(follower);
    return await Promise.all(Array.from({ length: count }, () => caller.submit(deploymentId)));
  };
  const countRuns = (requestId: string) => {
    const lines = existsSync(executionsFile) ? readFileSync(executionsFile, 'utf8').split('\n') : [];
    return lines.filter((line) => line.includes(requestId)).length;
  };
  /** From the signal, by the pace that the machine had meanwhile. */
  const takesOver = async (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGTERM') => {
    const pace = measurePace(() => used.db().query(sql`select term from leadership`));
    const from = performance.now();
    brain.signal(signal);
    await until('the follower is the brain', async () => (await follower.role()) === 'brain');
    const ms = performance.now() - from;
    const { waits, work } = await pace.stop();
    const says = `waits ${waits.toFixed(2)}, work ${work.toFixed(2)} times as long as on an idle machine`;
    process.stdout.write(`took over after ${signal}: ${Math.round(ms)} ms; ${says}\n`);
    expect(ms, says).toBeLessThan(NOTICED_WITHIN_MS * waits + BEGUN_WITHIN_MS * work);
    return /"because":"([^"]*)"/.exec(follower.log())?.[1] ?? '';
  };
  const endAll = async (ids: string[]) => {
    const results = await Promise.all(ids.map((id) => callerOf(follower).untilEnded(deploymentId, id)));
    expect(results.map((result) => result['status'])).toEqual(ids.map(() => 'succeeded'));
    expect(ids.map(countRuns)).toEqual(ids.map(() => 1));
  };
  const untilOneRuns = (ids: string[]) => until('one of them runs', () => ids.some((id) => countRuns(id) > 0));

  it('a killed brain is followed, and what it ran is adopted', async () => {
    const ids = await submitMany(8);
    await untilOneRuns(ids);
    expect(await takesOver('SIGKILL')).toMatch(/no session at the database|has not moved/);
    await endAll(ids);
  });

  it('one that sleeps is followed; when it wakes it can write nothing, and ends', async () => {
    const ids = await submitMany(8);
    await untilOneRuns(ids);
    const because = await takesOver('SIGSTOP');
    // In time that passed for both: a slow machine makes no silence longer.
    expect(Number(/has not moved for (\d+) ms/.exec(because)?.[1])).toBeLessThan(SILENCE_MS + LONGEST_STEP_MS);
    await endAll(ids.slice(0, 4));
    brain.signal('SIGCONT');
    expect(await brain.ended()).toBe(75);
    expect(brain.log()).toContain('another replica is the brain now, and this one must be started again');
    await endAll(ids);
  });

  it('one that is stopped hands over at once, and its runs go on', async () => {
    const ids = await submitMany(8);
    await untilOneRuns(ids);
    expect(await takesOver('SIGTERM')).toBe('there is no brain');
    expect(await brain.ended()).toBe(0);
    await endAll(ids);
  });
});
