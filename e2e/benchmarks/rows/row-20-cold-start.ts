// Row 20: how long the first request of a deployment without instances waits for its start at ComfyUI, vs how long the
// same command takes, started by hand, until it answers. COMFYUI_COMMAND, a command line as JSON, names a real ComfyUI.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillCommand } from '../back-end.ts';
import { type GatewayArm, openGatewayArm, type Result } from '../gateway-arm.ts';
import { answers, freePort } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { type Service, startService, withDatabase } from '../service.ts';
import { createTenants, type Tenant } from '../tenants.ts';

const KEEP_WARM_S = 1;
const POLL_MS = 5;
const STARTS_A_ROUND = 2;

export const coldStartRow: Row = {
  number: 20,
  title: 'cold start: request at zero to its start at ComfyUI',
  peer: 'the same command started by hand, to its first answer',
  wantsReal: false, // it starts its own, named by COMFYUI_COMMAND
  seconds: { setup: 8, round: 24, leastRounds: 3 },
  run,
};

async function run(context: RunContext): Promise<RowResult> {
  const command = readCommand(context);
  const dataDir = context.makeDir('row20');
  const sku = { gpu: 'none', vram_gb: 0, ram_gb: 0, vcpus: 1, price_per_hour_usd: 0, default: true };
  const configFile = { hardware: [{ ...sku, sku: 'COLD', provider: 'process', process: { command } }] };
  const service = await startService({ buildDir: context.buildDir, dataDir, comfyuiUrl: undefined, configFile });
  const arm = openGatewayArm(service.url, 4);
  const [tenant] = await createTenants(service);
  const ours: number[] = [];
  const peer: number[] = [];
  const problems: string[] = [];
  try {
    if (tenant === undefined) throw new Error('no tenant was made');
    await patch(service, tenant, { keep_warm_duration_in_seconds: KEEP_WARM_S });
    const starts = context.rounds * (context.isQuick ? 1 : STARTS_A_ROUND);
    await startBare(command, context.makeDir('row20-warm')); // the page cache is warm from here
    for (let round = 0; round < starts; round += 1) {
      const arms = [
        async () => {
          const { submission, result } = await arm.submitAndWait(tenant, context.nextColour());
          problems.push(...(await judgeResult(arm, result)));
          ours.push(await readWait(service, submission.requestId));
          await untilEmpty(service, tenant);
        },
        async () => void peer.push(await startBare(command, context.makeDir(`row20-bare-${round}`))),
      ];
      for (const each of round % 2 === 0 ? arms : arms.reverse()) await each();
      context.log(`  ${ours.at(-1)?.toFixed(0)} ms, bare ${peer.at(-1)?.toFixed(0)} ms`);
    }
  } finally {
    await arm.close();
    await service.stop();
  }
  const measure = { name: 'from commit to start', unit: 'ms', compare: 'ratio', isMoreBetter: false } as const;
  return {
    backEnd: context.realCommand === undefined ? 'emulator' : 'R',
    measures: [{ ...measure, ours, peer, bar: 1.05, moonshot: 1.01 }],
    problems,
    notes: ['one figure a start; ours ends later than the peer: at the first node, not at the first answer'],
  };
}

function readCommand({ buildDir, realCommand }: RunContext): readonly string[] {
  if (realCommand !== undefined) return realCommand;
  return [process.execPath, join(buildDir, 'emulator.js'), '--port', '{port}', '--base-dir', '{base_dir}'];
}

async function patch(service: Service, { path, headers }: Tenant, body: object): Promise<void> {
  const reply = await fetch(service.url + path, { method: 'PATCH', headers, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`PATCH ${path} answered ${reply.status}: ${await reply.text()}`);
}

async function judgeResult(arm: GatewayArm, result: Result): Promise<string[]> {
  const url = Object.values(result.outputs ?? {}).flatMap(({ images = [] }) => images)[0]?.url;
  if (url === undefined) return [`a request is ${result.status} ${JSON.stringify(result.error)}`];
  const isPicture = (await arm.download(url)).subarray(1, 4).toString() === 'PNG';
  return isPicture ? [] : ['an output is not a picture'];
}

async function readWait(service: Service, requestId: string): Promise<number> {
  return await withDatabase(service, 'comfleet', async (client) => {
    const question = `select extract(epoch from started_at - created_at) * 1000 as ms from requests where id = $1`;
    const { rows } = await client.query<{ ms: string }>(question, [requestId]);
    return Number(rows[0]?.ms);
  });
}

async function untilEmpty(service: Service, { path, headers }: Tenant): Promise<void> {
  for (;;) {
    const reply = await fetch(`${service.url}${path}/instances`, { headers });
    const { data } = (await reply.json()) as { data: unknown[] };
    if (data.length === 0) return;
    await sleep(50);
  }
}

async function startBare(command: readonly string[], dir: string): Promise<number> {
  const port = await freePort();
  const [program = '', ...args] = fillCommand(command, { port, baseDir: dir });
  const startedAt = performance.now();
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!(await answers(`http://127.0.0.1:${port}/system_stats`).catch(() => false))) await sleep(POLL_MS);
  const took = performance.now() - startedAt;
  child.kill('SIGTERM');
  await ended;
  return took;
}
