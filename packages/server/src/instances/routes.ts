// HTTP in and out of a deployment's instances: which there are, what they do for the caller, warming up, taking away.
import { ApiError, formatInstant, read, type Scaling, validationError, WarmUp } from '@comfleet/api';
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import { judgeSubmit } from '../deployments/gate.pure.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { findInstance, type ListDeps, listGoneInstances, listInstances } from './list-instances.ts';

interface Member extends Caller {
  readonly role: 'admin' | 'member';
}

interface Deps extends ListDeps {
  readonly directory: DeploymentDirectory;
  /** Who starts and stops instances (scaling/scaler.ts). */
  readonly scaling: {
    describe(deployment: Deployment): ScalingFacts | undefined;
    warmUp(deployment: Deployment, instances: number): boolean;
    remove(deployment: Deployment, instanceId: string): boolean;
  };
}

interface ScalingFacts {
  readonly status: Scaling['status'];
  readonly reason: string | undefined;
  readonly target: number;
  readonly reasons: readonly string[];
  readonly decidedAt: number | undefined;
  readonly failed: { readonly count: number; readonly since: number; readonly cause: string } | undefined;
  readonly coldStartMs: number | undefined;
}

export function registerInstanceRoutes<A extends Member>(routes: RouteServer<A>, deps: Deps): void {
  const answer = async ({ account }: AccountCall<Member>, deployment: Deployment) => {
    const data = await listInstances(deps, { account, deployment });
    const gone = await listGoneInstances(deps, { account, deployment });
    const facts = deps.scaling.describe(deployment);
    return {
      data,
      ...(gone === undefined ? {} : { gone }),
      ...(facts === undefined ? {} : { scaling: viewScaling(facts) }),
    };
  };
  routes.serve('listInstances', async (call) => {
    return { body: await answer(call, await requireDeployment(deps, call)) };
  });
  routes.serve('getInstance', async (call) => {
    const deployment = await requireDeployment(deps, call);
    const id = (call.params['instance_id'] ?? '').toLowerCase();
    const found = isUuid(id) ? await findInstance(deps, { account: call.account, deployment }, id) : undefined;
    if (found === undefined) throw notThere(id);
    return { body: found };
  });
  routes.serve('warmUpInstances', async (call) => {
    const deployment = await requireDeployment(deps, call);
    const gate = judgeSubmit(deployment);
    if (gate.kind === 'refuse') throw new ApiError(gate.code, gate.message);
    const body = read(WarmUp, await readBody(call.request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    deps.scaling.warmUp(deployment, body.value.count ?? 1);
    return { status: 202, body: await answer(call, deployment) };
  });
  routes.serve('removeInstance', async (call) => {
    const deployment = await requireDeployment(deps, call);
    const id = (call.params['instance_id'] ?? '').toLowerCase();
    if (deps.scaling.remove(deployment, id)) return { status: 202, body: await answer(call, deployment) };
    throw refuseRemoval(deps, deployment, id);
  });
}

function refuseRemoval({ fleet, poolOf }: Deps, deployment: Deployment, id: string): ApiError {
  const instance = fleet.get(id);
  if (instance === undefined || instance.pool !== poolOf(deployment).key) {
    return notThere(id);
  }
  const what = instance.provider === 'static' ? 'runs at a fixed URL' : 'is the embedded back end';
  const message = `Instance ${instance.id} ${what} and serves every deployment: it is not the deployment's to remove.`;
  const hint = 'Take its URL out of COMFLEET_COMFYUI and restart the service to stop using it.';
  return new ApiError(409001, message, { hint });
}

function notThere(id: string): ApiError {
  return new ApiError(404001, `The deployment has no instance ${id.slice(0, 100)}.`);
}

async function requireDeployment({ directory }: Deps, { params, account }: AccountCall<Caller>) {
  const id = params['deployment_id'] ?? '';
  if (!isUuid(id)) throw new ApiError(404001, `There is no deployment ${id.slice(0, 100)}.`);
  return await directory.require(id, account.id);
}

function viewScaling({ failed, coldStartMs, decidedAt, reason, ...facts }: ScalingFacts): Scaling {
  const { status, target, reasons } = facts;
  return {
    status,
    target,
    reasons: [...reasons],
    ...(reason === undefined ? {} : { reason }),
    ...(decidedAt === undefined ? {} : { decided_at: formatInstant(decidedAt) }),
    ...(failed === undefined
      ? {}
      : { failed_starts: { count: failed.count, since: formatInstant(failed.since), cause: failed.cause } }),
    ...(coldStartMs === undefined ? {} : { start_seconds: Math.round(coldStartMs / 100) / 10 }),
  };
}
