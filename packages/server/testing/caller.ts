// What a test says to the service over HTTP, in short words. Part of every TestApp.
import { randomBytes, randomUUID } from 'node:crypto';
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '@comfleet/comfyui';
import { insertAccount } from '../src/accounts/accounts.sql.ts';
import { hashToken } from '../src/accounts/authenticate.ts';
import { makeToken } from '../src/accounts/token.pure.ts';
import { insertToken } from '../src/accounts/tokens.sql.ts';
import type { Database } from '../src/db/database.ts';
import { sql } from '../src/db/sql.ts';
import { until } from './until.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Buffer;
  /** The parsed body. */
  readonly body: JsonObject;
}

export interface CallOptions {
  readonly method?: string;
  /** Written as JSON; a string or bytes go out as they are. */
  readonly body?: JsonValue | Buffer;
  readonly version?: 'v1' | 'v2';
  /** null sends no Authorization header. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Caller {
  readonly token: string;
  /** A path below /prod/<version>, or with a leading "//" one from the root. */
  call(path: string, options?: CallOptions): Promise<Reply>;
  saveWorkflow(graph: JsonValue, more?: JsonObject): Promise<{ workflowId: string; version: string }>;
  /** Of a workflow saved for it; gives the id. */
  createDeployment(graph?: JsonValue, fields?: JsonObject): Promise<string>;
  /** Submits; gives the request's id. */
  submit(deploymentId: string, body?: JsonValue, options?: CallOptions): Promise<string>;
  status(deploymentId: string, requestId: string, options?: CallOptions): Promise<Reply>;
  result(deploymentId: string, requestId: string, options?: CallOptions): Promise<Reply>;
  cancel(deploymentId: string, requestId: string, options?: CallOptions): Promise<Reply>;
  /** The result, once it is terminal. */
  untilEnded(deploymentId: string, requestId: string, options?: CallOptions): Promise<JsonObject>;
  untilStatus(deploymentId: string, requestId: string, word: string): Promise<JsonObject>;
  /** submit and untilEnded. */
  run(deploymentId: string, body?: JsonValue, options?: CallOptions): Promise<JsonObject>;
  /** Ends what a failed test left running, so that the next one has the instance for itself. */
  cancelAll(): Promise<void>;
  /** Another account; gives its token. */
  addAccount(options?: { expiresAt?: Date; isRevoked?: boolean }): Promise<string>;
}

const UNFINISHED = ['in_queue', 'in_progress'];

export function createCaller(given: { url: () => string; token: string; db: Database }): Caller {
  const call: Caller['call'] = (path, options = {}) => send(given, path, options);
  const post = (path: string, body: JsonValue) => call(path, { method: 'POST', body });
  const requestPath = (deploymentId: string, requestId: string) => `/deployments/${deploymentId}/requests/${requestId}`;

  const caller: Caller = {
    token: given.token,
    call,
    async saveWorkflow(graph, more = {}) {
      const workflow = expectOk(await post('/workflows', { name: 'a workflow' }));
      const workflowId = String(workflow['id']);
      const saved = expectOk(await post(`/workflows/${workflowId}/versions`, { workflow_api_json: graph, ...more }));
      return { workflowId, version: String(saved['version']) };
    },
    async createDeployment(graph = PICTURE, fields = {}) {
      const { workflowId, version } = await caller.saveWorkflow(graph);
      const names = { name: 'a deployment', workflow_id: workflowId, workflow_version: version };
      return String(expectOk(await post('/deployments', { ...names, ...fields }))['id']);
    },
    async submit(deploymentId, body = {}, options = {}) {
      const reply = await call(`/deployments/${deploymentId}/inference`, { method: 'POST', body, ...options });
      return String(expectOk(reply)['request_id']);
    },
    status: (deploymentId, requestId, options) => call(`${requestPath(deploymentId, requestId)}/status`, options),
    result: (deploymentId, requestId, options) => call(`${requestPath(deploymentId, requestId)}/result`, options),
    cancel: (deploymentId, requestId, options) =>
      call(`${requestPath(deploymentId, requestId)}/cancel`, { method: 'POST', ...options }),
    untilEnded: (deploymentId, requestId, options) =>
      until(`the end of request ${requestId}`, async () => {
        const body = expectOk(await caller.result(deploymentId, requestId, options));
        return !UNFINISHED.includes(String(body['status'])) && body;
      }),
    untilStatus: (deploymentId, requestId, word) =>
      until(`status ${word} of request ${requestId}`, async () => {
        const body = expectOk(await caller.status(deploymentId, requestId));
        return body['status'] === word && body;
      }),
    async run(deploymentId, body, options = {}) {
      const requestId = await caller.submit(deploymentId, body, options);
      const { version = 'v2' } = options;
      return await caller.untilEnded(deploymentId, requestId, { version });
    },
    async cancelAll() {
      const live = await given.db.query<{ id: string; deployment_id: string }>(
        sql`select id, deployment_id from requests where state in ('queued', 'active')`,
      );
      for (const { id, deployment_id } of live) await caller.cancel(deployment_id, id);
      for (const { id, deployment_id } of live) await caller.untilEnded(deployment_id, id);
    },
    addAccount: (options) => addAccount(given.db, options ?? {}),
  };
  return caller;
}

async function send(given: { url: () => string; token: string }, path: string, options: CallOptions): Promise<Reply> {
  const { version = 'v2', token = given.token, body } = options;
  const target = path.startsWith('//') ? path.slice(1) : `/prod/${version}${path}`;
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const response = await fetch(given.url() + target, {
    method: options.method ?? 'GET',
    redirect: 'manual',
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...options.headers },
    ...(body === undefined ? {} : { body: isRaw ? new Blob([body as string]) : stringifyJson(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString();
  return {
    status: response.status,
    headers: response.headers,
    text,
    bytes,
    get body() {
      return parseJson(text) as JsonObject;
    },
  };
}

function expectOk(reply: Reply): JsonObject {
  if (reply.status !== 200) throw new Error(`expected 200, got ${reply.status}: ${reply.text}`);
  return reply.body;
}

async function addAccount(db: Database, options: { expiresAt?: Date; isRevoked?: boolean }): Promise<string> {
  const id = randomUUID();
  const tokenId = randomUUID();
  const token = makeToken(randomBytes(96));
  await insertAccount(db, { id, name: 'another', role: 'member' });
  await insertToken(db, {
    id: tokenId,
    accountId: id,
    name: 'another',
    prefix: token.slice(0, 7),
    hash: hashToken(token),
    scopes: ['run', 'read', 'manage'],
  });
  if (options.expiresAt) await db.query(sql`update tokens set expires_at = ${options.expiresAt} where id = ${tokenId}`);
  if (options.isRevoked) await db.query(sql`update tokens set revoked_at = now() where id = ${tokenId}`);
  return token;
}

/** Two nodes, one picture. */
export const PICTURE: JsonObject = {
  '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 255 } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'pictures/one' } },
};

/** One media input: the picture that comes with every emulator, turned over. */
export const PHOTO: JsonObject = {
  '1': { class_type: 'LoadImage', inputs: { image: 'example.png' } },
  '2': { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
  '3': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'photo' } },
};
