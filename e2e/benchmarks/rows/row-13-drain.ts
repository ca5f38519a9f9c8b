// Row 13: a backlog of 100,000 drained through 32 back ends that answer at once, against graphile-worker's drain of as
// many plain jobs on the same PostgreSQL.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { listExecuted, startFakes } from '../back-end.ts';
import { type Costs, costMeasures, noCosts, watchCosts } from '../costs.ts';
import { openGatewayArm, type Submission } from '../gateway-arm.ts';
import { freePort } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { type Service, startService, withDatabase } from '../service.ts';
import { judgeExecuted } from '../sweep.ts';
import { createTenants, type Tenant, widen } from '../tenants.ts';
import { runWorkers } from '../workers.ts';

const INSTANCES = 32;
const WITHIN_MS = 600_000;
/** Figures come from the committed times, so that the look may be rare: it must not take the cores from what is measured. */
const LOOK_MS = 250;
const LAST = 100;

export const drainRow: Row = {
  number: 13,
  title: `drain of 100,000 through ${INSTANCES} back ends of 0 ms`,
  peer: 'graphile-worker, drain of as many plain jobs',
  wantsReal: false,
  seconds: { setup: 0, round: 110 },
  run,
};

async function run(context: RunContext): Promise<RowResult> {
  const count = context.isQuick ? 10_000 : 100_000;
  const problems: string[] = [];
  const figures = { ours: [] as number[], peer: [] as number[] };
  const costs = noCosts();
  for (let round = 0; round < context.rounds; round += 1) {
    const { ours, peer } = await runRound(context, { count, round, problems, costs });
    figures.ours.push(ours);
    figures.peer.push(peer);
    context.log(`  round ${round + 1}: ${Math.round(ours)}/s, graphile-worker ${Math.round(peer)}/s`);
  }
  const goals = { bar: 0.5, moonshot: 1 };
  return {
    backEnd: 'F',
    measures: [
      { name: 'drained', unit: '/s', compare: 'ratio', isMoreBetter: true, ...figures, ...goals },
      ...costMeasures(costs),
    ],
    problems,
    notes: [
      `${count} requests; ours: from the first end to the last, by the ends that are committed`,
      'peer: from the first start until the table of jobs is empty; its line of log for each job is switched off',
    ],
  };
}

interface Round {
  readonly count: number;
  readonly round: number;
  readonly problems: string[];
  readonly costs: Costs;
}

async function runRound(context: RunContext, { count, round, problems, costs }: Round) {
  const { buildDir, profileDir } = context;
  const ports = await Promise.all(Array.from({ length: INSTANCES }, freePort));
  const comfyuiUrl = ports.map((port) => `http://127.0.0.1:${port}`).join(',');
  // The graph is validated against an object_info: the back ends are there for the set-up, away while the queue fills.
  const dir = context.makeDir(`row13-fakes-${round}`);
  const first = await startFakes({ buildDir, dir, ports, serviceMs: 0 });
  const dataDir = context.makeDir(`row13-${round}`);
  const service = await startService({ buildDir, dataDir, comfyuiUrl, profileDir });
  const tenants = await createTenants(service);
  await widen(service, tenants, INSTANCES);
  await first.stop();
  const arm = openGatewayArm(service.url, 32);
  const submissions = await runWorkers({ workers: 32, count }, (index) =>
    arm.submit(tenants[index % tenants.length] as Tenant, context.nextColour()),
  );
  const second = await startFakes({ buildDir, dir, ports, serviceMs: 0 });
  try {
    const watch = watchCosts(service, second.pid);
    const ours = await timeDrain(service, submissions);
    watch.end(costs, count);
    const executed = (await Promise.all(second.urls.map(listExecuted))).flat();
    const colours = submissions.map(({ colour }) => colour);
    problems.push(...judgeExecuted(executed, colours));
    return { ours, peer: await drainPeer(service, count) };
  } finally {
    await arm.close();
    await service.stop();
    await second.stop();
  }
}

/**
 * On one connection, since a new one is a process of PostgreSQL's each time; and by the last ones' keys until those are over:
 * a search for the unfinished reads the whole table.
 */
async function timeDrain(service: Service, submissions: readonly Submission[]): Promise<number> {
  const count = submissions.length;
  const last = submissions.slice(-LAST).map(({ requestId }) => requestId);
  return await withDatabase(service, 'comfleet', async (client) => {
    const untilNone = async (question: string, values: unknown[]) => {
      const deadline = performance.now() + WITHIN_MS;
      while ((await client.query(question, values)).rows.length > 0) {
        if (performance.now() > deadline) throw new Error('the backlog was not drained in time');
        await sleep(LOOK_MS);
      }
    };
    await untilNone('select from requests where id = any($1) and finished_at is null limit 1', [last]);
    await untilNone('select from requests where finished_at is null limit 1', []);
    const { rows } = await client.query<{ seconds: number; succeeded: number }>(
      `select extract(epoch from max(finished_at) - min(finished_at))::float8 as seconds,
        count(*) filter (where state = 'succeeded')::int4 as succeeded from requests`,
    );
    const { seconds = Number.NaN, succeeded = 0 } = rows[0] ?? {};
    return succeeded === count ? count / seconds : Number.NaN;
  });
}

async function drainPeer({ connection, ...service }: Service, count: number): Promise<number> {
  const database = 'bench_drain';
  await withDatabase({ connection, ...service }, 'postgres', (client) => client.query(`create database ${database}`));
  const file = fileURLToPath(new URL('../peers/graphile-drain.ts', import.meta.url));
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--import', 'tsx', file, connection.host, connection.user, database, String(count)];
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NO_LOG_SUCCESS: '1' },
  });
  const ended = once(child, 'exit');
  let perSecond = Number.NaN;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"perSecond"')) perSecond = JSON.parse(line).perSecond;
  }
  await ended;
  return perSecond;
}
