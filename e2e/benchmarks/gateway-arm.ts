// The gateway as its clients use it: submits on a keep-alive pool, polls, results and downloads. Used by rows and sweeps.
import { Pool } from 'undici';
import { overridesBody } from './graph.ts';
import type { Tenant } from './tenants.ts';

export interface Submission {
  readonly requestId: string;
  readonly tenant: Tenant;
  readonly colour: number;
}

export interface Result {
  status: string;
  outputs?: Record<string, { images?: { url: string }[] }>;
  error?: unknown;
}

export interface GatewayArm {
  submit(tenant: Tenant, colour: number, side?: number): Promise<Submission>;
  /** Answers at the request's end, with its result. */
  submitAndWait(tenant: Tenant, colour: number): Promise<{ submission: Submission; result: Result }>;
  status(submission: Submission): Promise<string>;
  result(submission: Submission): Promise<Result>;
  download(url: string): Promise<Buffer>;
  close(): Promise<void>;
}

export function openGatewayArm(url: string, connections: number): GatewayArm {
  const pool = new Pool(url, { connections, pipelining: 1 });

  async function call(given: { path: string; body?: string; headers: Record<string, string> }): Promise<unknown> {
    const { path, body, headers } = given;
    const method = body === undefined ? 'GET' : 'POST';
    const reply = await pool.request({ path, method, headers, ...(body === undefined ? {} : { body }) });
    const answer = await reply.body.json();
    if (reply.statusCode !== 200) throw new Error(`${path} answered ${reply.statusCode}: ${JSON.stringify(answer)}`);
    return answer;
  }

  const post = async (tenant: Tenant, body: string, extra: Record<string, string>) =>
    await call({ path: `${tenant.path}/inference`, body, headers: { ...tenant.headers, ...extra } });
  const get = async ({ tenant, requestId }: Submission, what: string) =>
    await call({ path: `${tenant.path}/requests/${requestId}/${what}`, headers: { ...tenant.headers } });

  return {
    async submit(tenant, colour, side) {
      const { request_id } = (await post(tenant, overridesBody(colour, side), {})) as { request_id: string };
      return { requestId: request_id, tenant, colour };
    },
    async submitAndWait(tenant, colour) {
      const result = (await post(tenant, overridesBody(colour), { prefer: 'wait=60' })) as Result & {
        request_id: string;
      };
      return { submission: { requestId: result.request_id, tenant, colour }, result };
    },
    status: async (submission) => ((await get(submission, 'status')) as { status: string }).status,
    result: async (submission) => (await get(submission, 'result')) as Result,
    async download(fileUrl) {
      const reply = await pool.request({ path: new URL(fileUrl).pathname, method: 'GET' });
      const bytes = Buffer.from(await reply.body.arrayBuffer());
      if (reply.statusCode !== 200) throw new Error(`${fileUrl} answered ${reply.statusCode}`);
      return bytes;
    },
    close: () => pool.close(),
  };
}
