import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi, type Target } from './call-api.ts';
import { startCallers } from './caller.ts';
import { freePort, isAlive } from './child-process.ts';
import { readExecutions } from './evidence.ts';
import { prepareTargets } from './prepare.ts';
import { createRandom, drawColours } from './random.ts';
import { createService } from './service.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';
import { reachVerdict } from './verdict.ts';

const GRACE_MS = 10_000;

let stage: Stage;
let targets: [Target, Target];

async function open(options: StageOptions): Promise<void> {
  stage = await setStage(options);
  await stage.service.whenReady();
  targets = await prepareTargets(stage);
}

afterEach(async () => {
  await stage.stop();
  rmSync(stage.dir, { recursive: true, force: true });
}, 120_000);

describe('a service with work in flight', () => {
  beforeEach(async () => await open({ setUp: 'embedded' }), 120_000);

  it('ends with 0 within the grace time on SIGTERM, leaves no process behind, and loses nothing', async () => {
    const { service } = stage;
    const callers = startCallers({ targets, count: 50, nextColour: drawColours(createRandom(1)) });
    const isUnderWay = () => callers.submissions.filter(({ acknowledged }) => acknowledged.length > 0).length >= 60;
    await expect.poll(isUnderWay, { timeout: 20_000 }).toBe(true);
    const pids = [service.databasePid(), service.embeddedBackEndPid()].map((pid) => pid ?? 0);
    expect(pids.every(isAlive)).toBe(true);

    const { code, ms } = await service.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(GRACE_MS);
    expect(pids.filter(isAlive)).toEqual([]);

    service.start();
    expect(await reachVerdict(stage, { callers })).toMatchObject({ violations: [] });
  }, 120_000);

  it('keeps its data directory to itself: a second one says so and ends, the first goes on', async () => {
    const { dataDir, dir, main } = stage;
    const callers = startCallers({ targets, count: 10, nextColour: drawColours(createRandom(2)) });
    const second = createService({ main, dataDir, port: await freePort(), args: [], logPath: join(dir, 'second.log') });
    const { code, said } = await second.runToItsEnd();
    expect(code).toBe(1);
    expect(said).toContain('the data directory is in use by another comfleet');

    expect(await callApi(targets[0], '/deployments')).toMatchObject({ status: 200 });
    expect(await reachVerdict(stage, { callers })).toMatchObject({ violations: [] });
  }, 120_000);
});

it('runs that outlast the grace time of a stop go on at their back ends, and the next start takes their results', async () => {
  await open({ setUp: 'fixed', serviceMs: 3_000, env: { COMFLEET_STOP_GRACE_SECONDS: '0.5' } });
  const { service } = stage;
  const callers = startCallers({ targets, count: 3, nextColour: drawColours(createRandom(3)) });
  await expect.poll(() => readExecutions(stage.executionFiles).length, { timeout: 20_000 }).toBe(2);
  const { code, ms } = await service.terminate();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2_500);

  service.start();
  const verdict = await reachVerdict(stage, { callers });
  expect(verdict).toMatchObject({ violations: [], runs: verdict.acknowledged });
}, 120_000);
