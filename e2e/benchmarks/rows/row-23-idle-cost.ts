// Row 23: what a service costs that has nothing to do, with 1,000 deployments scaled to zero against one with a single
// deployment: CPU of the gateway, queries a second. Both idle through the same minutes.
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleFake } from '../back-end.ts';
import { type GatewayArm, openGatewayArm } from '../gateway-arm.ts';
import { OBJECT_INFO } from '../peers/fake-instance.ts';
import { cpuMs, watchCpuWithChildren } from '../process-cost.ts';
import type { Measure, Row, RowResult, RunContext } from '../row.ts';
import { type Service, startService, withDatabase } from '../service.ts';
import { createTenants, deployAnother, type Tenant } from '../tenants.ts';
import { runWorkers } from '../workers.ts';

const DEPLOYMENTS = 1_000;
/** So many have had an instance and lost it again. */
const USED = 20;
const WINDOW_S = 60;
const QUICK_WINDOW_S = 15;
const SETTLE_S = 10;
const EMPTY_WITHIN_MS = 60_000;

export const idleCostRow: Row = {
  number: 23,
  title: `idle cost, ${DEPLOYMENTS} deployments scaled to zero`,
  peer: 'the same service with 1 deployment',
  wantsReal: false,
  seconds: { setup: 40, round: WINDOW_S, leastRounds: 5 },
  run,
};

interface Idle {
  readonly service: Service;
  readonly arm: GatewayArm;
  readonly countedBy: 'pg_stat_statements' | 'xact_commit';
  readonly cost: { cpu: number[]; queries: number[]; postgres: number[] };
}

async function run(context: RunContext): Promise<RowResult> {
  const many = await openIdle(context, 'row23', DEPLOYMENTS);
  const one = await openIdle(context, 'row23-peer', 1).catch(async (error) => {
    await close(many);
    throw error;
  });
  const seconds = context.isQuick ? QUICK_WINDOW_S : WINDOW_S;
  try {
    await sleep(1_000 * SETTLE_S);
    for (const { service, countedBy } of [many, one]) await forgetQueries(service, countedBy);
    for (let round = 0; round < context.rounds; round += 1) {
      const ends = [await watch(many), await watch(one)];
      await sleep(1_000 * seconds);
      for (const end of ends) await end();
      const [ours, peer] = [many, one].map(({ cost }) => cost.cpu.at(-1)?.toFixed(2));
      const queries = many.cost.queries.at(-1)?.toFixed(2);
      context.log(`  round ${round + 1}: CPU ${ours} ms/s, with one ${peer} ms/s; ${queries} queries/s`);
    }
    return await report(many, one, seconds);
  } finally {
    await close(many);
    await close(one);
  }
}

async function close({ arm, service }: Idle): Promise<void> {
  await arm.close();
  await service.stop();
}

async function report(many: Idle, one: Idle, seconds: number): Promise<RowResult> {
  const share = { unit: 'ms/s', isMoreBetter: false } as const;
  const alone = { isMoreBetter: false, compare: 'alone' } as const;
  const measures: Measure[] = [
    {
      ...share,
      name: 'gateway CPU',
      compare: 'ratio',
      ours: many.cost.cpu,
      peer: one.cost.cpu,
      bar: 10,
      moonshot: 1.1,
    },
    { ...alone, unit: '/s', name: 'queries', ours: many.cost.queries, bar: 20, moonshot: 0.2 },
    { ...alone, unit: '/s', name: 'queries, with 1 deployment', ours: one.cost.queries },
    { ...share, name: 'PostgreSQL CPU', compare: 'ratio', ours: many.cost.postgres, peer: one.cost.postgres },
  ];
  return {
    backEnd: 'F',
    measures,
    problems: [...(await judgeIdle(many.service, DEPLOYMENTS)), ...(await judgeIdle(one.service, 1))],
    notes: [
      `${USED} of the ${DEPLOYMENTS} had an instance before; windows of ${seconds} s, both services at once`,
      `queries by ${many.countedBy}`,
      ...(await listMostFrequent(many, seconds * many.cost.queries.length)),
    ],
  };
}

async function openIdle(context: RunContext, name: string, count: number): Promise<Idle> {
  const { buildDir } = context;
  const command = [process.execPath, bundleFake(buildDir), '{port}', '0'];
  const sku = { gpu: 'none', vram_gb: 0, ram_gb: 0, vcpus: 1, price_per_hour_usd: 0, default: true };
  const hardware = [{ ...sku, sku: 'IDLE', provider: 'process', process: { command, max_instances: USED } }];
  const options = { buildDir, dataDir: context.makeDir(name), comfyuiUrl: undefined, configFile: { hardware } };
  const first = await startService(options);
  const countedBy = await askToCount(first);
  await first.stop();
  const service = await startService(options);
  if (countedBy === 'pg_stat_statements') {
    await withDatabase(service, 'postgres', (client) => client.query('create extension pg_stat_statements'));
  }
  const arm = openGatewayArm(service.url, 16);
  const deployments = await deployAll(service, count);
  const used = deployments.slice(0, USED);
  await runWorkers({ workers: 4, count: used.length }, async (index) => {
    const { result } = await arm.submitAndWait(used[index] as Tenant, context.nextColour());
    if (result.status !== 'succeeded') throw new Error(`a first request is ${result.status}`);
  });
  for (const each of used) await untilEmpty(service, each);
  return { service, arm, countedBy, cost: { cpu: [], queries: [], postgres: [] } };
}

/** PostgreSQL counts statements from its next start on, where it has the extension. */
async function askToCount(service: Service): Promise<Idle['countedBy']> {
  return await withDatabase(service, 'postgres', async (client) => {
    const { rows } = await client.query(`select from pg_available_extensions where name = 'pg_stat_statements'`);
    if (rows.length === 0) return 'xact_commit';
    await client.query(`alter system set shared_preload_libraries = 'pg_stat_statements'`);
    return 'pg_stat_statements';
  });
}

async function deployAll(service: Service, count: number): Promise<Tenant[]> {
  const tenants = (await createTenants(service, JSON.parse(OBJECT_INFO))).slice(0, count);
  const made = await runWorkers({ workers: 8, count }, async (index) => {
    const tenant = tenants[index % tenants.length] as Tenant;
    return await deployAnother(service, tenant, { keep_warm_duration_in_seconds: 1, max_instances: 1 });
  });
  return made;
}

async function untilEmpty(service: Service, { path, headers }: Tenant): Promise<void> {
  const deadline = performance.now() + EMPTY_WITHIN_MS;
  for (;;) {
    const reply = await fetch(`${service.url}${path}/instances`, { headers });
    const { data } = (await reply.json()) as { data: unknown[] };
    if (data.length === 0) return;
    if (performance.now() > deadline) throw new Error('an instance that nobody needs is still there');
    await sleep(100);
  }
}

/** From now on; the answer adds a window's figures, a second each. */
async function watch({ service, countedBy, cost }: Idle): Promise<() => Promise<void>> {
  const postgresMs = watchCpuWithChildren(service.postmasterPid());
  const before = { queries: await readQueries(service, countedBy), cpu: cpuMs(service.pid), at: performance.now() };
  return async () => {
    const seconds = (performance.now() - before.at) / 1_000;
    cost.cpu.push((cpuMs(service.pid) - before.cpu) / seconds);
    cost.postgres.push(postgresMs() / seconds);
    cost.queries.push(((await readQueries(service, countedBy)) - before.queries) / seconds);
  };
}

/** Of the service's database; read from another one, so that reading is not counted. */
async function readQueries(service: Service, countedBy: Idle['countedBy']): Promise<number> {
  return await withDatabase(service, 'postgres', async (client) => {
    const { rows } = await client.query<{ count: string }>(QUESTIONS[countedBy]);
    return Number(rows[0]?.count);
  });
}

/** What it took to set all up is not counted. */
async function forgetQueries(service: Service, countedBy: Idle['countedBy']): Promise<void> {
  if (countedBy !== 'pg_stat_statements') return;
  await withDatabase(service, 'postgres', (client) => client.query('select pg_stat_statements_reset()'));
}

/** What is asked while there is nothing to do, with how often a minute. */
async function listMostFrequent({ service, countedBy }: Idle, seconds: number): Promise<string[]> {
  if (countedBy !== 'pg_stat_statements') return [];
  return await withDatabase(service, 'postgres', async (client) => {
    const { rows } = await client.query<{ calls: number; text: string }>(
      `select s.calls::int4 as calls, left(regexp_replace(s.query, '\\s+', ' ', 'g'), 90) as text
       from pg_stat_statements s join pg_database d on d.oid = s.dbid
       where d.datname = 'comfleet' order by s.calls desc limit 6`,
    );
    return rows.map(({ calls, text }) => `${((60 * calls) / seconds).toFixed(1)} a minute: ${text}`);
  });
}

const QUESTIONS = {
  pg_stat_statements: `
    select coalesce(sum(s.calls), 0) as count from pg_stat_statements s join pg_database d on d.oid = s.dbid
    where d.datname = 'comfleet'`,
  xact_commit: `select xact_commit + xact_rollback as count from pg_stat_database where datname = 'comfleet'`,
};

/** It was idle indeed: all is there, nothing waits or runs, no instance. */
async function judgeIdle(service: Service, count: number): Promise<string[]> {
  return await withDatabase(service, 'comfleet', async (client) => {
    const { rows } = await client.query<{ deployments: string; unfinished: string }>(
      `select (select count(*) from deployments) as deployments,
        (select count(*) from requests where finished_at is null) as unfinished`,
    );
    const { deployments, unfinished } = rows[0] ?? {};
    const problems: string[] = [];
    if (Number(deployments) < count) problems.push(`${deployments} deployments in place of ${count}`);
    if (unfinished !== '0') problems.push(`${unfinished} requests were not finished: it was not idle`);
    return problems;
  });
}
