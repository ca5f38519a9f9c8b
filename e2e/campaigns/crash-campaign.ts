// kill -9 of the service, its database and its back ends at random moments under load, and then the verdict. Called by
// main.ts and, for a short round, by a test.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCallers } from './caller.ts';
import { createRandom, drawColours, type Random } from './random.ts';
import { killPid, prepareDeployment, type SetUp, type Stage, setStage } from './stage.ts';
import { reachVerdict, type Verdict } from './verdict.ts';

export type CrashTarget = 'service' | 'database' | 'backend' | 'service+database';

export interface CampaignOptions {
  readonly setUp: SetUp;
  readonly seed: number;
  readonly kills: number;
  readonly targets: readonly [CrashTarget, ...CrashTarget[]];
  readonly inFlight: number;
  readonly onKill?: (line: string) => void;
}

export interface CampaignReport extends Verdict {
  readonly kills: number;
  readonly readyMs: readonly number[];
  /** Where data and logs are, kept when something was wrong. */
  readonly keptIn: string | undefined;
}

export async function runCrashCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const stage = await setStage({ setUp: options.setUp });
  let isClean = false;
  try {
    const report = await play(stage, options);
    isClean = report.violations.length === 0;
    return { ...report, keptIn: isClean ? undefined : stage.dir };
  } finally {
    await stage.stop();
    if (isClean) rmSync(stage.dir, { recursive: true, force: true });
  }
}

async function play(stage: Stage, options: CampaignOptions): Promise<Omit<CampaignReport, 'keptIn'>> {
  const { service } = stage;
  const random = createRandom(options.seed);
  await service.whenReady();
  const target = await prepareDeployment({ baseUrl: service.baseUrl, token: service.token() });
  const callers = startCallers({ target, count: options.inFlight, nextColour: drawColours(random) });
  for (let kill = 1; kill <= options.kills; kill += 1) {
    await sleep(random.between(50, 1_500));
    // Most kills hit a service that is up; some hit one that is still starting.
    if (random.next() < 0.75) await service.whenReady();
    const victim = random.pick(options.targets);
    options.onKill?.(`${kill}/${options.kills} ${victim}`);
    await strike(stage, victim, random);
  }
  const verdict = await reachVerdict(stage, { callers, target });
  return { ...verdict, kills: options.kills, readyMs: service.readyMs };
}

async function strike(stage: Stage, victim: CrashTarget, random: Random): Promise<void> {
  const { service } = stage;
  switch (victim) {
    case 'service':
      return await service.kill();
    case 'database':
      return killPid(service.databasePid());
    case 'service+database':
      killPid(service.databasePid());
      return await service.kill();
    case 'backend':
      return await stage.killBackEnd(random);
  }
}
