// How to make a valid call of every route: one entry for each id of the route table, so that a new route does not compile
// without one. Used by the tests that walk all routes (tenancy, contract).
import { type HttpMethod, methodsOf, type RouteId, routeOf } from '@comfleet/api';
import type { JsonObject } from '@comfleet/comfyui';
import { PICTURE, type Reply } from './caller.ts';
import type { TestApp } from './create-test-app.ts';
import { until } from './until.ts';

/** The things of one account, by the names that path parameters have. */
export type Things = {
  readonly deployment_id: string;
  readonly request_id: string;
  readonly workflow_id: string;
  /** One that no deployment uses. */
  readonly version: string;
  readonly instance_id: string;
  readonly token_id: string;
  readonly delivery_id: string;
  readonly account_id: string;
  /** Of a file that a request wrote. */
  readonly kind: string;
  readonly path: string;
  /** Of a saved object_info. */
  readonly key: string;
};

export type Param = keyof Things;

interface RouteCall {
  /** What a valid call answers with, where it is not 200. */
  readonly status?: number;
  readonly body?: (things: Things) => JsonObject;
  /** The rest of the path that a `*` stands for. */
  readonly rest?: string;
  /** Of a route of any method. */
  readonly method?: HttpMethod;
}

const name = (things: Things) => ({ name: `of ${things.deployment_id}` });

export const ROUTE_CALLS: Readonly<Record<RouteId, RouteCall>> = {
  submitRequest: { body: () => ({}) },
  getRequestStatus: {},
  getRequestResult: {},
  getRequestEvents: {},
  cancelRequest: {},
  listRequests: {},
  getRequest: {},
  listDeployments: {},
  createDeployment: {
    body: (things) => ({ ...name(things), workflow_id: things.workflow_id, workflow_version: 'v1' }),
  },
  getDeployment: {},
  changeDeployment: { body: () => ({ is_enabled: true }) },
  deleteDeployment: {},
  getDeploymentOpenApi: {},
  preflightDeployment: {},
  listInstances: {},
  getInstance: {},
  warmUpInstances: { status: 202, body: () => ({ count: 1 }) },
  // The instances of today serve every deployment: they are nobody's to remove.
  removeInstance: { status: 409 },
  proxyInstance: { method: 'GET', rest: 'system_stats' },
  listWorkflows: {},
  createWorkflow: { body: name },
  getWorkflow: {},
  deleteWorkflow: {},
  listVersions: {},
  saveVersion: { body: () => ({ workflow_api_json: PICTURE }) },
  getVersion: {},
  deleteVersion: {},
  listDeliveries: {},
  getDelivery: {},
  replayDelivery: { status: 202 },
  getWebhookSecret: {},
  rotateWebhookSecret: {},
  getAccount: {},
  listTokens: {},
  createToken: { body: () => ({ name: 'one more' }) },
  revokeToken: {},
  regenerateToken: { body: () => ({ overlap_seconds: 60 }) },
  listAccounts: {},
  createAccount: { body: () => ({ name: 'one more' }) },
  getAccountById: {},
  changeAccount: { body: () => ({ is_active: true }) },
  createAccountToken: { body: () => ({ name: 'one more' }) },
  listAccountTokens: {},
  revokeAccountToken: {},
  getBalance: {},
  getUsage: {},
  addCredit: { body: () => ({ amount_usd: 1 }) },
  getAccountFunds: {},
  setSpendingLimit: { body: () => ({ spending_limit_usd: 1_000 }) },
  listEvents: {},
  listHardware: {},
  getFile: {},
  headFile: {},
  getObjectInfo: {},
  getLiveness: {},
  getReadiness: {},
  getDocs: {},
  getOpenApi: {},
};

/** What takes away what others need comes last: tokens, then versions, then the deployment before its workflow. */
const LAST: readonly RouteId[] = [
  'regenerateToken',
  'revokeAccountToken',
  'revokeToken',
  'deleteVersion',
  'deleteDeployment',
  'deleteWorkflow',
];

/** Every route, in an order in which each can be called once with the things of one account. */
export const ROUTE_IDS: readonly RouteId[] = [
  ...(Object.keys(ROUTE_CALLS) as RouteId[]).filter((id) => !LAST.includes(id)),
  ...LAST,
];

export function paramsOf(id: RouteId): Param[] {
  const named = [...routeOf(id).path.matchAll(/:(\w+)/g)].map(([, param]) => param as Param);
  return routeOf(id).path.endsWith('/*') && ROUTE_CALLS[id].rest === undefined ? [...named, 'path'] : named;
}

export function methodOf(id: RouteId): HttpMethod {
  const { method = methodsOf(routeOf(id))[0] } = ROUTE_CALLS[id];
  if (method === undefined) throw new Error(`${id} has no method`);
  return method;
}

/** As TestApp.call takes it: below /prod/<version>, or from the root with a leading "//". */
export function pathOf(id: RouteId, things: Readonly<Record<string, string>>): string {
  const { path, base } = routeOf(id);
  const filled = path
    .replace(/:(\w+)/g, (_, param) => things[param] ?? '')
    .replace('*', ROUTE_CALLS[id].rest ?? things['path'] ?? '');
  return base === 'root' ? `/${filled}` : filled;
}

/** An account with one of everything; every name in it contains the mark. */
export async function makeThings(
  app: TestApp,
  given: { token: string; mark: string; webhook: string },
): Promise<Things> {
  const { token, mark, webhook } = given;
  const post = (path: string, body: JsonObject) => app.call(path, { method: 'POST', body, token });
  const workflow = expectOk(await post('/workflows', { name: `workflow ${mark}` }));
  const workflow_id = String(workflow['id']);
  const save = async () => expectOk(await post(`/workflows/${workflow_id}/versions`, { workflow_api_json: PICTURE }));
  const used = await save();
  const spare = await save();
  const fields = { name: `deployment ${mark}`, workflow_id, workflow_version: String(used['version']) };
  const deployment_id = String(expectOk(await post('/deployments', fields))['id']);
  const request_id = await app.submit(deployment_id, { metadata: { label: mark }, webhook }, { token });
  const result = await app.untilEnded(deployment_id, request_id, { token });
  const file = new URL(String(JSON.stringify(result).match(/"url":"([^"]+)"/)?.[1]));
  const [, , , kind, ...path] = file.pathname.split('/');
  const made = expectOk(await post('/tokens', { name: `token ${mark}` }));
  const version = (await app.call(`/workflows/${workflow_id}/versions/v1`, { token })).body;
  const account = (await app.call('/account', { token })).body;
  return {
    deployment_id,
    request_id,
    workflow_id,
    version: String(spare['version']),
    instance_id: String(result['instance_id']),
    token_id: String(made['id']),
    delivery_id: await untilDelivered(app, { token, request_id }),
    account_id: String(account['id']),
    kind: kind ?? '',
    path: path.join('/'),
    key: String(version['object_info_url']).match(/([^/]+)\.json$/)?.[1] ?? '',
  };
}

async function untilDelivered(app: TestApp, { token, request_id }: { token: string; request_id: string }) {
  return await until(`the delivery of request ${request_id}`, async () => {
    const { body } = await app.call(`/webhooks/deliveries?request_id=${request_id}`, { token });
    const [delivery] = body['data'] as JsonObject[];
    return delivery?.['status'] === 'delivered' && String(delivery['id']);
  });
}

function expectOk(reply: Reply): JsonObject {
  if (reply.status !== 200) throw new Error(`expected 200, got ${reply.status}: ${reply.text}`);
  return reply.body;
}
