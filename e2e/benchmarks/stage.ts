// What several rows set up alike: a back end, the service in front of it, its tenants, and the end of all of them.
import type { BackEnd } from './back-end.ts';
import { type GatewayArm, openGatewayArm, type Submission } from './gateway-arm.ts';
import type { RunContext } from './row.ts';
import { durabilityProblems, type Service, startService } from './service.ts';
import { createTenants, type Tenant } from './tenants.ts';
import { runWorkers } from './workers.ts';

export interface Stage {
  readonly backEnd: BackEnd;
  readonly service: Service;
  readonly tenants: readonly Tenant[];
  readonly arm: GatewayArm;
  /** Of the configuration; sweeps add theirs. */
  readonly problems: string[];
  tenant(index: number): Tenant;
  close(): Promise<void>;
}

interface StageInput {
  readonly name: string;
  readonly backEnd: BackEnd;
  readonly connections: number;
  /** Of the service. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function openStage(
  context: RunContext,
  { name, backEnd, connections, env = {} }: StageInput,
): Promise<Stage> {
  const { buildDir, profileDir } = context;
  const dataDir = context.makeDir(name);
  const service = await startService({ buildDir, dataDir, comfyuiUrl: backEnd.url, profileDir, env });
  const tenants = await createTenants(service);
  const arm = openGatewayArm(service.url, connections);
  return {
    backEnd,
    service,
    tenants,
    arm,
    problems: await durabilityProblems(service),
    tenant: (index) => tenants[index % tenants.length] as Tenant,
    async close() {
      await arm.close();
      await service.stop();
      await backEnd.stop();
    },
  };
}

export const POLL_MS = 20;
const WARM_UP_MS = 5_000;
const WARM_UP_REQUESTS = 800;

/** At least five seconds and 800 requests, the goals' rule; a tenth with --quick. */
export async function warmUp(context: RunContext, batch: (count: number) => Promise<unknown>): Promise<void> {
  const share = context.isQuick ? 0.2 : 1;
  const startedAt = performance.now();
  const size = 100;
  for (let done = 0; done < WARM_UP_REQUESTS * share || performance.now() - startedAt < WARM_UP_MS * share; ) {
    await batch(size);
    done += size;
  }
}

/** The requests as 16 submitters would send them, each waiting for its end. */
export async function submitAll(stage: Stage, context: RunContext, count: number): Promise<Submission[]> {
  return await runWorkers({ workers: 16, count }, async (index) => {
    const { submission } = await stage.arm.submitAndWait(stage.tenant(index), context.nextColour());
    return submission;
  });
}

/** The done-signal: a single poller. The last ones of each tenant tell, since each tenant's requests are run in order; sweeps
 * ask all. */
export async function pollToTheEnd(stage: Stage, submissions: readonly Submission[]): Promise<void> {
  for (const tenant of stage.tenants) {
    const last = submissions.filter((submission) => submission.tenant === tenant).slice(-10);
    for (const submission of last.reverse()) {
      while (!isOver(await stage.arm.status(submission))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function isOver(status: string): boolean {
  return status !== 'in_queue' && status !== 'in_progress';
}
