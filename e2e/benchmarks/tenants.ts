// Three accounts, each with its token, workflow and deployment: the harness rule of several tenants. The service has no
// route that makes accounts yet, so their rows are written directly.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readyGraph } from './graph.ts';
import { type Service, withDatabase } from './service.ts';

const TENANTS = 3;

export interface Tenant {
  readonly headers: Readonly<Record<string, string>>;
  readonly deploymentId: string;
  /** The path that requests of this tenant begin with. */
  readonly path: string;
}

export async function createTenants(service: Service): Promise<Tenant[]> {
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
  return await Promise.all(tokens.map((token) => createDeployment(service, token)));
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

async function createDeployment(service: Service, token: string): Promise<Tenant> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const post = async (path: string, body: unknown): Promise<Record<string, string>> => {
    const reply = await fetch(`${service.url}/prod/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`POST ${path} answered ${reply.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  };
  const workflow = await post('/workflows', { name: 'bench' });
  const version = await post(`/workflows/${workflow['id']}/versions`, {
    workflow_api_json: readyGraph({ colour: 0, prefix: 'img' }),
  });
  const deployment = await post('/deployments', {
    name: 'bench',
    workflow_id: workflow['id'],
    workflow_version: version['version'],
  });
  const deploymentId = String(deployment['id']);
  return { headers, deploymentId, path: `/prod/v1/deployments/${deploymentId}` };
}
