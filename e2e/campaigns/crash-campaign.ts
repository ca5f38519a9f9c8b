// kill -9 of the service, its database and its back ends at random moments under load; then everything is given time to
// end, the service is killed once more so that only what is durable speaks, and the judge reads what the outside saw.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackEnd } from './back-end.ts';
import { type Callers, callApi, observeResult, startCallers, type Target } from './caller.ts';
import { findViolations } from './check-history.pure.ts';
import { freePort, waitUntil } from './child-process.ts';
import { readDatabase, readExecutions } from './evidence.ts';
import type { Violation } from './history.pure.ts';
import { copyProgram, type Program } from './program.ts';
import { createRandom, type Random } from './random.ts';
import { createService, type Service } from './service.ts';

export type CrashTarget = 'service' | 'database' | 'backend' | 'service+database';

/** `embedded`: the service's own child. `fixed`: two back ends at addresses, started by somebody else. */
export type SetUp = 'embedded' | 'fixed';

export interface CampaignOptions {
  readonly setUp: SetUp;
  readonly seed: number;
  readonly kills: number;
  readonly targets: readonly [CrashTarget, ...CrashTarget[]];
  readonly inFlight: number;
  readonly onKill?: (line: string) => void;
}

export interface CampaignReport {
  readonly kills: number;
  readonly submitted: number;
  readonly acknowledged: number;
  readonly runs: number;
  readonly lostAttempts: number;
  readonly readyMs: readonly number[];
  readonly violations: readonly Violation[];
  /** Where data and logs are, kept when something was wrong. */
  readonly keptIn: string | undefined;
}

const ALL_ENDED_WITHIN_MS = 60_000;

export async function runCrashCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const stage = await setStage(options);
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

interface Stage {
  readonly dir: string;
  readonly dataDir: string;
  readonly service: Service;
  readonly executionFiles: readonly string[];
  killBackEnd(random: Random): Promise<void>;
  stop(): Promise<void>;
}

async function setStage({ setUp }: CampaignOptions): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-crash-'));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  const executionsFile = join(dir, 'executions-embedded.jsonl');
  const program: Program = copyProgram({ executionsFile, serviceMs: 30 });
  const ports = setUp === 'fixed' ? [await freePort(), await freePort()] : [];
  const backEnds = ports.map((port, index) => {
    const file = join(dir, `executions-${port}.jsonl`);
    return createBackEnd({ emulator: program.emulator, dir, port, serviceMs: 40 + 120 * index, executionsFile: file });
  });
  for (const backEnd of backEnds) backEnd.start();
  const args = backEnds.flatMap(({ url }) => ['--comfyui', url]);
  const service = createService({ main: program.main, dataDir, port: await freePort(), args });
  service.start();
  return {
    dir,
    dataDir,
    service,
    executionFiles: [executionsFile, ...ports.map((port) => join(dir, `executions-${port}.jsonl`))],
    async killBackEnd(random) {
      const [first, ...others] = backEnds;
      if (first) await random.pick([first, ...others]).kill(random.between(0, 1_500));
      else killPid(service.embeddedBackEndPid());
    },
    async stop() {
      await service.terminate();
      await Promise.all(backEnds.map((backEnd) => backEnd.stop()));
      program.remove();
    },
  };
}

function killPid(pid: number | undefined): void {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

async function play(stage: Stage, options: CampaignOptions): Promise<Omit<CampaignReport, 'keptIn'>> {
  const { service } = stage;
  const random = createRandom(options.seed);
  await service.whenReady();
  const target = await prepareDeployment({ baseUrl: service.baseUrl, token: service.token() });
  const step = 1 + 2 * Math.floor(random.between(0, 2 ** 20));
  let drawn = 0;
  // An odd step visits every colour once before it comes round.
  const nextColour = () => (++drawn * step) % 2 ** 24;
  const callers = startCallers({ target, count: options.inFlight, nextColour });
  for (let kill = 1; kill <= options.kills; kill += 1) {
    await sleep(random.between(50, 1_500));
    // Most kills hit a service that is up; some hit one that is still starting.
    if (random.next() < 0.75) await service.whenReady();
    const victim = random.pick(options.targets);
    options.onKill?.(`${kill}/${options.kills} ${victim}`);
    await strike(stage, victim, random);
  }
  return await judge(stage, { kills: options.kills, callers, target });
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

async function prepareDeployment(api: { baseUrl: string; token: string }): Promise<Target> {
  const create = async (path: string, body: unknown) => {
    const answer = await callApi(api, path, { method: 'POST', body: JSON.stringify(body) });
    if (answer.kind === 'none' || answer.status >= 300) throw new Error(`POST ${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  };
  const graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 0 } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'colour' } },
  };
  const { id } = await create('/workflows', { name: 'One colour' });
  const { version } = await create(`/workflows/${id}/versions`, { workflow_api_json: graph });
  const wish = { name: 'One colour', workflow_id: id, workflow_version: version, max_instances: 2 };
  const deployment = await create('/deployments', wish);
  return { ...api, deploymentId: String(deployment['id']) };
}

async function judge(
  stage: Stage,
  { kills, callers, target }: { kills: number; callers: Callers; target: Target },
): Promise<Omit<CampaignReport, 'keptIn'>> {
  const { service } = stage;
  await service.whenReady();
  await callers.finish(ALL_ENDED_WITHIN_MS);
  // Requests whose submit was never answered have nobody who waits for them; they have to end all the same.
  const isOver = async () => (await readDatabase(stage.dataDir)).rows.every(({ state }) => !isLive(state));
  await waitUntil(isOver, ALL_ENDED_WITHIN_MS);
  // Whatever was only in memory is gone after this.
  await service.kill();
  await service.whenReady();
  const acknowledged = callers.submissions.filter((submission) => submission.acknowledged.length > 0);
  for (const submission of acknowledged) {
    await waitUntil(() => observeResult(target, submission), 5_000);
  }
  const evidence = { ...(await readDatabase(stage.dataDir)), executions: readExecutions(stage.executionFiles) };
  const { unexpectedEnds } = service;
  const violations = findViolations({ submissions: callers.submissions, unexpectedEnds, ...evidence });
  return {
    kills,
    submitted: callers.submissions.length,
    acknowledged: acknowledged.length,
    runs: evidence.executions.length,
    lostAttempts: evidence.attempts.filter(({ outcome }) => outcome === 'lost').length,
    readyMs: service.readyMs,
    violations,
  };
}

const isLive = (state: string) => state === 'queued' || state === 'active';
