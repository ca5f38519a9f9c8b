// What a campaign plays on: a data directory, the service, its back ends in one of two set-ups, and a deployment whose
// pictures have one colour. crash-campaign.ts and the tests of a stop set it up and clear it away.
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackEnd, createBackEnd } from './back-end.ts';
import { callApi, type Target } from './caller.ts';
import { freePort } from './child-process.ts';
import { copyProgram, type Program } from './program.ts';
import type { Random } from './random.ts';
import { createService, type Service } from './service.ts';

/** `embedded`: the service's own child. `fixed`: two back ends at addresses, started by somebody else. */
export type SetUp = 'embedded' | 'fixed';

export interface Stage {
  readonly dir: string;
  readonly dataDir: string;
  readonly service: Service;
  /** The program that the service runs. */
  readonly main: string;
  readonly executionFiles: readonly string[];
  /** None in the embedded set-up. */
  readonly backEnds: readonly BackEnd[];
  killBackEnd(random: Random): Promise<void>;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly setUp: SetUp;
  /** How many stand at fixed addresses. */
  readonly backEndCount?: number;
  /** Of the embedded back end and of the first at a fixed address; each later one takes longer. */
  readonly serviceMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function setStage({ setUp, backEndCount = 2, serviceMs = 30, env = {} }: StageOptions): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-crash-'));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  const executionsFile = join(dir, 'executions-embedded.jsonl');
  const program: Program = copyProgram({ executionsFile, serviceMs });
  const count = setUp === 'fixed' ? backEndCount : 0;
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const backEnds = ports.map((port, index) => {
    const file = join(dir, `executions-${port}.jsonl`);
    return createBackEnd({
      emulator: program.emulator,
      dir,
      port,
      serviceMs: serviceMs + (120 * index) / (count - 1 || 1),
      executionsFile: file,
    });
  });
  for (const backEnd of backEnds) backEnd.start();
  const args = backEnds.flatMap(({ url }) => ['--comfyui', url]);
  const service = createService({
    main: program.main,
    dataDir,
    port: await freePort(),
    args,
    env,
    logPath: join(dir, 'service.log'),
  });
  service.start();
  return {
    dir,
    dataDir,
    service,
    backEnds,
    main: program.main,
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

export function killPid(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself a moment ago.
  }
}

export async function prepareDeployment(api: { baseUrl: string; token: string }): Promise<Target> {
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
  const wish = { name: 'One colour', workflow_id: id, workflow_version: version, max_instances: 8 };
  const deployment = await create('/deployments', wish);
  return { ...api, deploymentId: String(deployment['id']) };
}
