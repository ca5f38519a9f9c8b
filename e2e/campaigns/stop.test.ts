import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi, startCallers, type Target } from './caller.ts';
import { freePort, isAlive } from './child-process.ts';
import { createRandom, drawColours } from './random.ts';
import { createService } from './service.ts';
import { prepareDeployment, type Stage, setStage } from './stage.ts';
import { reachVerdict } from './verdict.ts';

const GRACE_MS = 10_000;

describe('a service with work in flight', () => {
  let stage: Stage;
  let target: Target;
  beforeEach(async () => {
    stage = await setStage('embedded');
    await stage.service.whenReady();
    target = await prepareDeployment({ baseUrl: stage.service.baseUrl, token: stage.service.token() });
  }, 60_000);
  afterEach(async () => {
    await stage.stop();
    rmSync(stage.dir, { recursive: true, force: true });
  }, 60_000);

  it('ends with 0 within the grace time on SIGTERM, leaves no process behind, and loses nothing', async () => {
    const { service } = stage;
    const callers = startCallers({ target, count: 50, nextColour: drawColours(createRandom(1)) });
    const isUnderWay = () => callers.submissions.filter(({ acknowledged }) => acknowledged.length > 0).length >= 60;
    await expect.poll(isUnderWay, { timeout: 20_000 }).toBe(true);
    const pids = [service.databasePid(), service.embeddedBackEndPid()].map((pid) => pid ?? 0);
    expect(pids.every(isAlive)).toBe(true);

    const { code, ms } = await service.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(GRACE_MS);
    expect(pids.filter(isAlive)).toEqual([]);

    service.start();
    expect(await reachVerdict(stage, { callers, target })).toMatchObject({ violations: [] });
  }, 60_000);

  it('keeps its data directory to itself: a second one says so and ends, the first goes on', async () => {
    const { service, dataDir, dir, main } = stage;
    const callers = startCallers({ target, count: 10, nextColour: drawColours(createRandom(2)) });
    const second = createService({ main, dataDir, port: await freePort(), args: [], logPath: join(dir, 'second.log') });
    const { code, said } = await second.runToItsEnd();
    expect(code).toBe(1);
    expect(said).toContain('the data directory is in use by another comfleet');

    expect(service.unexpectedEnds).toEqual([]);
    expect(await callApi(target, '/deployments')).toMatchObject({ status: 200 });
    expect(await reachVerdict(stage, { callers, target })).toMatchObject({ violations: [] });
  }, 60_000);
});
