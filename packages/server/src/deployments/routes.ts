// HTTP in and out of deployments.
import {
  ApiError,
  DeploymentListQuery,
  DeploymentQuery,
  type HardwareCatalogue,
  readDeploymentCreate,
  readDeploymentPatch,
  readQuery,
  validationError,
} from '@comfleet/api';
import type { Database } from '../db/database.ts';
import type { Waker } from '../db/wake.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import { isUuid } from '../telemetry/new-id.ts';
import type { Capture } from '../workflows/versions.ts';
import { changeDeployment, createDeployment, type DeploymentWish, removeDeployment } from './change.ts';
import { type DeploymentRow, listDeployments } from './deployments.sql.ts';
import type { Deployment, DeploymentDirectory } from './directory.ts';
import { describeDeployment } from './openapi.pure.ts';
import { type ListEnvironments, preflight } from './preflight.ts';
import { type Includes, sampleOverrides, type ViewDeps, viewDeployment } from './view.ts';

interface Deps extends ViewDeps {
  readonly db: Database;
  readonly newId: () => string;
  readonly waker: Waker;
  readonly directory: DeploymentDirectory;
  readonly hardware: HardwareCatalogue;
  /** Throws 10001 while the account's funds do not allow new runs. */
  readonly requireFunds: (accountId: string) => Promise<void>;
  readonly listEnvironments: ListEnvironments;
  /** The object_info of its own hardware's instances, where one runs; undefined where it runs on those for everybody. */
  readonly askOwn: (deployment: Deployment) => ReturnType<Capture>;
  /** Why no instance of a SKU can be started; undefined where nothing is known against it. */
  readonly hardwareProblem: (sku: string) => string | undefined;
  /** Of the service, for the OpenAPI documents. */
  readonly version: string;
}

const WHOLE: Includes = { payload: true, readme: false, shareInstances: false, statusReason: false };

export function registerDeploymentRoutes<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  registerDescriptions(routes, deps);
  routes.serve('createDeployment', async (call) => {
    const body = readDeploymentCreate(await readBody(call.request.body), { knownSkus: deps.hardware.usable });
    if (body.kind === 'refused') throw validationError(body.problems);
    const row = await createDeployment(
      { ...deps, defaults: { hardware: deps.hardware.defaultSku } },
      call.account,
      toWish(body.value),
    );
    return await answer(deps, call, row, WHOLE);
  });
  routes.serve('listDeployments', async (call) => {
    const query = readQuery(DeploymentListQuery, call.query);
    if (query.kind === 'refused') throw validationError(query.problems);
    // An id that is none of ours names nothing: the others are listed.
    const ids = query.value.ids?.filter(isUuid);
    const rows = await listDeployments(deps.db, { accountId: call.account.id, ids });
    const includes = toIncludes(query.value.includes);
    const views = await Promise.all(rows.map((row) => viewDeployment(deps, row, { includes, base: call.base() })));
    return { body: `[${views.join(',')}]` };
  });
  routes.serve('getDeployment', async (call) => {
    const query = readQuery(DeploymentQuery, call.query);
    if (query.kind === 'refused') throw validationError(query.problems);
    const { row } = await requireDeployment(deps, call);
    return await answer(deps, call, row, toIncludes(query.value.includes));
  });
  routes.serve('changeDeployment', async (call) => {
    const { row: before } = await requireDeployment(deps, call);
    const body = readDeploymentPatch(await readBody(call.request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    const { hardware } = body.value;
    if (hardware !== undefined && !deps.hardware.usable.includes(hardware)) {
      const msg = `There is no hardware "${hardware}"; there are ${deps.hardware.usable.join(', ')}.`;
      throw validationError([{ loc: ['body', 'hardware', 0], msg, type: 'unknown_hardware', input: hardware }]);
    }
    if (body.value.is_enabled === true && !before.is_enabled) await deps.requireFunds(before.account_id);
    return await answer(
      deps,
      call,
      await changeDeployment(deps, { id: before.id, actor: call.account }, toWish(body.value)),
      WHOLE,
    );
  });
  routes.serve('deleteDeployment', async (call) => {
    const { row } = await requireDeployment(deps, call);
    await removeDeployment(deps, row.id, call.account);
    return { body: { id: row.id, deleted: true } };
  });
}

function registerDescriptions<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('getDeploymentOpenApi', async (call) => {
    const { row } = await requireDeployment(deps, call);
    const version = await requireVersion(deps, row);
    const described = { id: row.id, name: row.name, version, sampleOverrides: sampleOverrides(version) };
    const service = { version: deps.version, base: call.base(), apiVersion: call.version };
    return { body: describeDeployment(described, service) };
  });
  routes.serve('preflightDeployment', async (call) => {
    const deployment = await requireDeployment(deps, call);
    return {
      body: await preflight(
        deps,
        deployment,
        await requireVersion(deps, deployment.row, () => deps.askOwn(deployment)),
      ),
    };
  });
}

async function requireVersion(deps: Deps, row: DeploymentRow, capture?: Capture) {
  const version = await deps.versions.load(row.version_id, capture);
  if (version === undefined) throw new ApiError(404001, `The version of deployment ${row.id} no longer exists.`);
  return version;
}

async function answer(deps: Deps, call: AccountCall<Caller>, row: DeploymentRow, includes: Includes) {
  return { body: await viewDeployment(deps, row, { includes, base: call.base() }) };
}

async function requireDeployment(deps: Deps, { params, account }: AccountCall<Caller>) {
  const id = params['deployment_id'] ?? '';
  if (!isUuid(id)) throw new ApiError(404001, `There is no deployment ${id.slice(0, 100)}.`);
  return await deps.directory.require(id, account.id);
}

function toIncludes(names: readonly string[] | undefined): Includes {
  const has = (name: string) => names?.includes(name) ?? false;
  return {
    payload: has('payload'),
    readme: has('readme'),
    shareInstances: has('share_instances'),
    statusReason: has('status_reason'),
  };
}

function toWish(input: {
  name?: string;
  workflow_id?: string;
  workflow_version?: string;
  hardware?: string;
  min_instances?: number;
  max_instances?: number;
  queue_size?: number;
  keep_warm_duration_in_seconds?: number;
  share_instances?: boolean;
  is_enabled?: boolean;
}): DeploymentWish {
  return {
    name: input.name,
    workflowId: input.workflow_id,
    workflowVersion: input.workflow_version,
    hardware: input.hardware,
    minInstances: input.min_instances,
    maxInstances: input.max_instances,
    queueSize: input.queue_size,
    keepWarmSeconds: input.keep_warm_duration_in_seconds,
    sharesInstances: input.share_instances,
    isEnabled: input.is_enabled,
  };
}
