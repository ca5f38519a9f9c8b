// Three accounts, each with its token, workflow and deployment: the harness rule of several tenants. The service has no
// route that makes accounts yet, so their rows are written directly.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readyGraph } from './graph.ts';
import { type Service, withDatabase } from './service.ts';

const TENANTS = 3;

export interface Tenant {
  readonly headers: Readonly<Record<string, string>>;
  readonly workflowId: string;
  readonly workflowVersion: unknown;
  readonly deploymentId: string;
  /** The path that requests of this tenant begin with. */
  readonly path: string;
}

/** `objectInfo`: where no instance is there to say which nodes exist. */
export async function createTenants(service: Service, objectInfo?: object): Promise<Tenant[]> {
  const tokens = Array.from({ length: TENANTS }, () => `bench-${randomBytes(20).toString('hex')}`);
  await withDatabase(service, 'comfleet', async (client) => {
    for (const [index, token] of tokens.entries()) {
      const id = randomUUID();
      await client.query(`insert into accounts (id, name, role) values ($1, $2, 'member')`, [
        id,
        `tenant ${index + 1}`,
      ]);
      await client.query(
        `insert into tokens (id, account_id, name, prefix, hash, scopes) values ($1, $2, 'bench', $3, $4, $5)`,
        [randomUUID(), id, token.slice(0, 7), createHash('sha256').update(token).digest(), ['run', 'read', 'manage']],
      );
    }
  });
  return await Promise.all(tokens.map((token) => createDeployment(service, token, objectInfo)));
}

/** Lets each tenant's deployment use so many instances. */
export async function widen(service: Service, tenants: readonly Tenant[], instances: number): Promise<void> {
  for (const { headers, path } of tenants) {
    const body = JSON.stringify({ max_instances: instances });
    const reply = await fetch(service.url + path, { method: 'PATCH', headers: { ...headers }, body });
    if (!reply.ok) throw new Error(`PATCH ${path} answered ${reply.status}: ${await reply.text()}`);
    await reply.arrayBuffer();
  }
}

async function createDeployment(service: Service, token: string, objectInfo?: object): Promise<Tenant> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const workflow = await post(service, headers, '/workflows', { name: 'bench' });
  const workflowId = String(workflow['id']);
  const { version } = await post(service, headers, `/workflows/${workflowId}/versions`, {
    workflow_api_json: readyGraph({ colour: 0, prefix: 'img' }),
    ...(objectInfo === undefined ? {} : { object_info: objectInfo }),
  });
  return await deploy(service, { headers, workflowId, workflowVersion: version }, {});
}

/** Another deployment of the tenant's version, with fields of its own. */
export async function deployAnother(service: Service, tenant: Tenant, fields: object): Promise<Tenant> {
  return await deploy(service, tenant, fields);
}

async function deploy(
  service: Service,
  { headers, workflowId, workflowVersion }: Pick<Tenant, 'headers' | 'workflowId' | 'workflowVersion'>,
  fields: object,
): Promise<Tenant> {
  const named = { name: 'bench', workflow_id: workflowId, workflow_version: workflowVersion };
  const deployment = await post(service, headers, '/deployments', { ...named, ...fields });
  const deploymentId = String(deployment['id']);
  return { headers, workflowId, workflowVersion, deploymentId, path: `/prod/v1/deployments/${deploymentId}` };
}

async function post(
  service: Service,
  headers: Tenant['headers'],
  path: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const init = { method: 'POST', headers: { ...headers }, body: JSON.stringify(body) };
  const reply = await fetch(`${service.url}/prod/v1${path}`, init);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`POST ${path} answered ${reply.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
