// HTTP in and out of a deployment's instances: which there are, what they do for the caller, warming up, taking away.
import { ApiError, formatInstant, type Instance as InstanceBody, read, validationError, WarmUp } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import { judgeSubmit } from '../deployments/gate.pure.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isUuid } from '../telemetry/new-id.ts';
import type { Versions } from '../workflows/versions.ts';
import type { Fleet, Instance } from './fleet.ts';
import { findLastVersion } from './instances.sql.ts';

interface Member extends Caller {
  readonly role: 'admin' | 'member';
}

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly directory: DeploymentDirectory;
  readonly versions: Versions;
  /** What dispatch has there. */
  readonly workOn: (instanceId: string) => {
    readonly isBusy: boolean;
    readonly running: { readonly requestId: string; readonly accountId: string } | undefined;
  };
}

/** What ran longer ago is taken to be unloaded. */
const LOADED_MS = 3_600_000;

export function registerInstanceRoutes<A extends Member>(routes: RouteServer<A>, deps: Deps): void {
  routes.serve('listInstances', async (call) => {
    return { body: await listAll(deps, call, await requireDeployment(deps, call)) };
  });
  routes.serve('warmUpInstances', async (call) => {
    const deployment = await requireDeployment(deps, call);
    const gate = judgeSubmit(deployment);
    if (gate.kind === 'refuse') throw new ApiError(gate.code, gate.message);
    const body = read(WarmUp, await readBody(call.request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    return { status: 202, body: await listAll(deps, call, deployment) };
  });
  routes.serve('removeInstance', async (call) => {
    await requireDeployment(deps, call);
    const id = call.params['instance_id'] ?? '';
    const instance = deps.fleet.get(id.toLowerCase());
    if (instance === undefined) throw new ApiError(404001, `The deployment has no instance ${id.slice(0, 100)}.`);
    const what = instance.provider === 'static' ? 'runs at a fixed URL' : 'is the embedded back end';
    const message = `Instance ${instance.id} ${what} and serves every deployment: it is not the deployment's to remove.`;
    throw new ApiError(409001, message, {
      hint: 'Take its URL out of COMFLEET_COMFYUI and restart the service to stop using it.',
    });
  });
}

async function requireDeployment({ directory }: Deps, { params, account }: AccountCall<Caller>) {
  const id = params['deployment_id'] ?? '';
  if (!isUuid(id)) throw new ApiError(404001, `There is no deployment ${id.slice(0, 100)}.`);
  return await directory.require(id, account.id);
}

async function listAll(deps: Deps, { account }: AccountCall<Member>, deployment: Deployment) {
  const shown = deps.fleet.all().map((instance) => view(deps, { account, deployment, instance }));
  return { data: await Promise.all(shown) };
}

async function view(
  deps: Deps,
  { account, deployment, instance }: { account: Member; deployment: Deployment; instance: Instance },
): Promise<InstanceBody> {
  const { isBusy, running } = deps.workOn(instance.id);
  const isReady = instance.phase === 'ready';
  const reason = instance.reason ?? (isReady ? undefined : instance.connection.lastCause());
  // Every instance of today serves all accounts: its log may hold what other people's prompts made it say.
  const logTail = account.role === 'admin' ? await deps.fleet.logTail(instance) : undefined;
  return {
    id: instance.id,
    phase: isReady ? (isBusy ? 'busy' : 'ready') : instance.phase === 'gone' ? 'gone' : 'starting',
    since: formatInstant(instance.since),
    provider: instance.provider,
    hardware: deployment.row.hardware,
    loaded_models: isReady ? await listLoaded(deps, deployment.id, instance) : [],
    ...(running?.accountId === account.id ? { current_request_id: running.requestId } : {}),
    ...(reason === undefined ? {} : { reason: account.role === 'admin' ? reason : 'it does not answer at the moment' }),
    ...(logTail === undefined ? {} : { log_tail: logTail }),
  };
}

async function listLoaded({ db, clock, versions }: Deps, deploymentId: string, instance: Instance): Promise<string[]> {
  const since = Math.max(clock.now() - LOADED_MS, instance.since);
  const versionId = await findLastVersion(db, { deploymentId, instanceId: instance.id, since });
  const version = versionId === undefined ? undefined : await versions.load(versionId);
  const prepared = version?.compiled.prepare();
  return prepared === undefined || 'problems' in prepared ? [] : prepared.models();
}
