// Row 3: eight back ends of 20 ms each behind one service, against eight times what one of them gives.
import { clearHistory, type Fakes, listExecuted, startFakes } from '../back-end.ts';
import { type Costs, costMeasures, noCosts, watchCosts } from '../costs.ts';
import { openGatewayArm, type Submission } from '../gateway-arm.ts';
import { freePort } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { type Service, startService } from '../service.ts';
import { nowMs } from '../statistics.ts';
import { judgeExecuted } from '../sweep.ts';
import { createTenants, type Tenant, widen } from '../tenants.ts';
import { runWorkers } from '../workers.ts';

const INSTANCES = 8;
const SERVICE_MS = 20;
const WORKERS = 64;

export const manyInstancesRow: Row = {
  number: 3,
  title: `prompts/s with ${INSTANCES} back ends of ${SERVICE_MS} ms`,
  peer: `${INSTANCES} times one back end's rate`,
  wantsReal: false,
  seconds: { setup: 15, round: 18 },
  run,
};

async function run(context: RunContext): Promise<RowResult> {
  const problems: string[] = [];
  const one = await openFleet(context, 1);
  const many = await openFleet(context, INSTANCES);
  const figures = { ours: [] as number[], peer: [] as number[] };
  const costs = noCosts();
  const size = context.isQuick ? 100 : 250;
  try {
    await measure(context, many, { count: size * INSTANCES, problems });
    await measure(context, one, { count: size, problems });
    for (let round = 0; round < context.rounds; round += 1) {
      const single = await measure(context, one, { count: size, problems });
      figures.peer.push(INSTANCES * single);
      figures.ours.push(await measure(context, many, { count: size * INSTANCES, problems, costs }));
      context.log(
        `  round ${round + 1}: one ${single.toFixed(1)}/s, ${INSTANCES}: ${figures.ours.at(-1)?.toFixed(1)}/s`,
      );
    }
  } finally {
    await one.close();
    await many.close();
  }
  const goals = { bar: 0.8, moonshot: 0.97 };
  const measured = { name: 'rate / eight single rates', unit: '/s', isMoreBetter: true, ...figures, ...goals };
  return {
    backEnd: 'F',
    measures: [{ ...measured, compare: 'ratio' }, ...costMeasures(costs)],
    problems,
    notes: [`${size} requests an instance and round, ${WORKERS} at a time in both arms`],
  };
}

interface OpenFleet {
  readonly fakes: Fakes;
  readonly service: Service;
  readonly arm: ReturnType<typeof openGatewayArm>;
  readonly tenants: readonly Tenant[];
  close(): Promise<void>;
}

async function openFleet(context: RunContext, instances: number): Promise<OpenFleet> {
  const { buildDir, profileDir } = context;
  const ports = await Promise.all(Array.from({ length: instances }, freePort));
  const fakes = await startFakes({
    buildDir,
    dir: context.makeDir(`row3-fakes-${instances}`),
    ports,
    serviceMs: SERVICE_MS,
  });
  const dataDir = context.makeDir(`row3-${instances}`);
  const service = await startService({ buildDir, dataDir, comfyuiUrl: fakes.urls.join(','), profileDir });
  const tenants = await createTenants(service);
  await widen(service, tenants, instances);
  const arm = openGatewayArm(service.url, WORKERS);
  return {
    fakes,
    service,
    arm,
    tenants,
    async close() {
      await arm.close();
      await service.stop();
      await fakes.stop();
    },
  };
}

interface Round {
  readonly count: number;
  readonly problems: string[];
  readonly costs?: Costs;
}

async function measure(context: RunContext, fleet: OpenFleet, { count, problems, costs }: Round): Promise<number> {
  for (const url of fleet.fakes.urls) await clearHistory(url);
  const watch = watchCosts(fleet.service, fleet.fakes.pid);
  const startedAt = nowMs();
  const submissions: Submission[] = await runWorkers({ workers: WORKERS, count }, async (index) => {
    const tenant = fleet.tenants[index % fleet.tenants.length] as Tenant;
    const { submission } = await fleet.arm.submitAndWait(tenant, context.nextColour());
    return submission;
  });
  const elapsedMs = nowMs() - startedAt;
  if (costs !== undefined) watch.end(costs, count);
  const executed = (await Promise.all(fleet.fakes.urls.map(listExecuted))).flat();
  const colours = submissions.map(({ colour }) => colour);
  problems.push(...judgeExecuted(executed, colours));
  return count / (elapsedMs / 1_000);
}
