// HTTP in and out of workflows and their versions, and the public object_info documents.
import {
  ApiError,
  PAGE_ITEMS_DEFAULT,
  type Problem,
  read,
  readQuery,
  readVersionCreate,
  VersionCreateQuery,
  VersionListQuery,
  validationError,
  WorkflowCreate,
  WorkflowListQuery,
} from '@comfleet/api';
import { type JsonObject, parseJson } from '@comfleet/comfyui';
import { writeCursor } from '../db/cursor.pure.ts';
import type { Database } from '../db/database.ts';
import { cursorProblem, requireCursor } from '../http/page-cursor.ts';
import { MAX_VERSION_VALUES, readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { createWorkflow, removeVersion, removeWorkflow } from './change-workflow.ts';
import type { ObjectInfos } from './object-infos.ts';
import type { NamedParameter } from './parameters.pure.ts';
import { saveVersion } from './save-version.ts';
import { viewVersion, viewVersionInFull, viewWorkflow } from './view.pure.ts';
import {
  findLatestVersion,
  findVersion,
  findWorkflow,
  listVersions,
  listVersionUsers,
  listWorkflows,
  listWorkflowUsers,
  type VersionRow,
  type WorkflowRow,
} from './workflows.sql.ts';

interface Deps {
  readonly db: Database;
  readonly newId: () => string;
  readonly objectInfos: ObjectInfos;
  readonly captureObjectInfo: () => Promise<string | undefined>;
  readonly othersMayKnow: boolean;
  readonly unusedVersions: number;
}

export function registerWorkflowRoutes<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  registerWorkflows(routes, deps);
  registerVersions(routes, deps);
  routes.servePublic('getObjectInfo', async (call, reply) => {
    const text = await deps.objectInfos.textByKey(call.params['key'] ?? '');
    if (text === undefined) throw new ApiError(404001, 'There is no object_info at this address.');
    return reply.type('application/json; charset=utf-8').send(text);
  });
}

function registerWorkflows<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('createWorkflow', async ({ request, account }) => {
    const body = read(WorkflowCreate, await readBody(request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    return { body: viewWorkflow(await createWorkflow(deps, account, body.value.name)) };
  });
  routes.serve('listWorkflows', async ({ query, account }) => {
    const page = requireValue(readQuery(WorkflowListQuery, query));
    const limit = page.limit ?? PAGE_ITEMS_DEFAULT;
    const before = requireCursor(page.cursor);
    const rows = await listWorkflows(deps.db, { accountId: account.id, limit: limit + 1, before });
    const last = rows[limit - 1];
    const next = rows.length > limit && last ? { next_cursor: writeCursor(last) } : {};
    return { body: { data: rows.slice(0, limit).map(viewWorkflow), ...next } };
  });
  routes.serve('getWorkflow', async (call) => ({ body: viewWorkflow(await requireWorkflow(deps, call)) }));
  routes.serve('deleteWorkflow', async (call) => {
    const workflow = await requireWorkflow(deps, call);
    requireUnused(`Workflow ${workflow.id}`, await listWorkflowUsers(deps.db, workflow.id));
    await removeWorkflow(deps, call.account, workflow);
    return { body: { id: workflow.id, deleted: true } };
  });
}

function registerVersions<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('saveVersion', async (call) => {
    const workflow = await requireWorkflow(deps, call);
    const { force = false } = requireValue(readQuery(VersionCreateQuery, call.query));
    const body = await readBody(call.request.body, MAX_VERSION_VALUES);
    const checked = readVersionCreate(body);
    if (checked.kind === 'refused') throw validationError(checked.problems);
    const parameters = checked.value.parameters as NamedParameter[] | undefined;
    const row = await saveVersion(deps, {
      workflowId: workflow.id,
      actor: call.account,
      body: body as JsonObject,
      parameters,
      force,
    });
    return { body: viewVersion(row, countNodes(row)) };
  });
  routes.serve('listVersions', async (call) => {
    const workflow = await requireWorkflow(deps, call);
    const page = requireValue(readQuery(VersionListQuery, call.query));
    const limit = page.limit ?? PAGE_ITEMS_DEFAULT;
    const below = page.cursor === undefined ? undefined : requireNumber(page.cursor);
    const rows = await listVersions(deps.db, { workflowId: workflow.id, limit: limit + 1, below });
    const last = rows[limit - 1];
    const next = rows.length > limit && last ? { next_cursor: `v${last.number}` } : {};
    const data = rows.slice(0, limit).map((row) => viewVersion(row, countNodes(row)));
    return {
      body: `{"data":[${data.join(',')}]${'next_cursor' in next ? `,"next_cursor":"${next.next_cursor}"` : ''}}`,
    };
  });
  routes.serve('getVersion', async (call) => {
    const row = await requireVersion(deps, call);
    const path = row.object_info_sha256 === null ? undefined : await deps.objectInfos.path(row.object_info_sha256);
    const usedBy = await listVersionUsers(deps.db, row.id);
    const objectInfoUrl = path === undefined ? undefined : `${call.base()}${path}`;
    return { body: viewVersionInFull(row, { nodeCount: countNodes(row), objectInfoUrl, usedBy }) };
  });
  routes.serve('deleteVersion', async (call) => {
    const row = await requireVersion(deps, call);
    requireUnused(`Version v${row.number} of workflow ${row.workflow_id}`, await listVersionUsers(deps.db, row.id));
    await removeVersion(deps, call.account, row);
    return { body: { workflow_id: row.workflow_id, version: `v${row.number}`, deleted: true } };
  });
}

async function requireWorkflow(deps: Deps, { params, account }: AccountCall<Caller>): Promise<WorkflowRow> {
  const id = params['workflow_id'] ?? '';
  const row = isUuid(id) ? await findWorkflow(deps.db, id) : undefined;
  if (row === undefined) throw new ApiError(404001, `There is no workflow ${id.slice(0, 100)}.`);
  if (row.account_id !== account.id) throw new ApiError(403003, `The token's account does not own workflow ${id}.`);
  return row;
}

async function requireVersion(deps: Deps, call: AccountCall<Caller>): Promise<VersionRow> {
  const workflow = await requireWorkflow(deps, call);
  const version = call.params['version'] ?? '';
  const number = readNumber(version);
  const row =
    version === 'latest'
      ? await findLatestVersion(deps.db, workflow.id)
      : number === undefined
        ? undefined
        : await findVersion(deps.db, workflow.id, number);
  if (row === undefined) throw new ApiError(404001, `Workflow ${workflow.id} has no version ${version.slice(0, 50)}.`);
  return row;
}

function readNumber(version: string): number | undefined {
  const digits = /^v?(\d{1,9})$/.exec(version)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function countNodes(row: VersionRow): number {
  return Object.keys(parseJson(row.graph) as JsonObject).length;
}

function requireUnused(what: string, deploymentIds: readonly string[]) {
  if (deploymentIds.length === 0) return;
  const shown = deploymentIds.slice(0, 5).join(', ');
  throw new ApiError(
    409001,
    `${what} is in use by deployment ${shown}. Move it to another version or delete it first.`,
  );
}

function requireValue<T>(result: { kind: 'ok'; value: T } | { kind: 'refused'; problems: Problem[] }): T {
  if (result.kind === 'refused') throw validationError(result.problems);
  return result.value;
}

/** A list of versions goes by their numbers. */
function requireNumber(cursor: string): number {
  const number = readNumber(cursor);
  if (number === undefined) throw validationError([cursorProblem(cursor)]);
  return number;
}
