// The way through to an instance: who may, which instance, what is open, and who serves it. Everything that several
// accounts share on an instance is served by a part that shows each its own.
import { ApiError, validationError } from '@comfleet/api';
import type { FastifyReply } from 'fastify';
import { judgeSubmit } from '../deployments/gate.pure.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { readViewName } from './file-names.pure.ts';
import { forward } from './forward.ts';
import { judgeFraming } from './headers.pure.ts';
import { freeMemory, interruptOwn, readHistory, readHistoryOf, readQueue } from './own-work.ts';
import { encodePath, judgeProxyPath, type Policy, type ProxyKind } from './policy.pure.ts';
import type { ProxyParts } from './proxy.ts';
import { readStream } from './read-stream.ts';
import { rewriteUpload } from './upload.ts';

interface Proxied {
  readonly call: AccountCall<Caller>;
  readonly reply: FastifyReply;
  readonly instance: Instance;
  readonly deploymentId: string;
  /** Normalised. */
  readonly path: string;
  readonly query: string;
}

export function registerProxyRoutes<A extends Caller>(routes: RouteServer<A>, deps: ProxyParts): void {
  routes.serveStream('proxyInstance', async (call, reply) => {
    const { request } = call;
    const { serve, path, query } = requireOpen(deps.policy, request.method, request.raw.url ?? '');
    const framing = judgeFraming(request.headers);
    if (framing !== undefined) throw refuseHeader(`The call cannot be passed on: ${framing}.`);
    const deployment = await requireDeployment(deps, call);
    const instance = requireInstance(deps.fleet, call.params['instance_id'] ?? '');
    const proxied: Proxied = { call, reply, instance, deploymentId: deployment.id, path, query };
    await SERVE[serve](deps, proxied);
    return reply;
  });
}

type Serve = (deps: ProxyParts, proxied: Proxied) => Promise<unknown>;

const SERVE: Readonly<Record<ProxyKind, Serve>> = {
  pass: (deps, { instance, reply, path, query }) =>
    forward(deps, { instance, reply, path: `${encodePath(path)}${query}` }),
  prompt: sendPrompt,
  queue: async (deps, proxied) => sendJson(proxied.reply, await readQueue(deps, toTarget(proxied))),
  async history(deps, proxied) {
    const target = toTarget(proxied);
    const promptId = proxied.path.split('/')[1];
    const text =
      promptId === undefined
        ? await readHistory(deps, target, new URLSearchParams(proxied.query))
        : await readHistoryOf(deps, target, promptId);
    return sendJson(proxied.reply, text);
  },
  view: viewFile,
  async upload(deps, { call, instance, reply, path }) {
    const at = { accountId: call.account.id, instanceId: instance.id };
    const body = rewriteUpload(deps.owners, { request: call.request.raw, at, maxBytes: deps.maxBytes });
    return await forward(deps, { instance, reply, path: encodePath(path), body });
  },
  async interrupt(deps, proxied) {
    await interruptOwn(deps, toTarget(proxied), await readJson(deps, proxied));
    return proxied.reply.code(200).send();
  },
  async free(deps, proxied) {
    await freeMemory(deps, toTarget(proxied), await readJson(deps, proxied));
    return proxied.reply.code(200).send();
  },
  ws: (deps, { call, instance, reply, deploymentId }) =>
    deps.sockets.open({ accountId: call.account.id, instance, deploymentId, reply }),
};

function requireOpen(policy: Policy, method: string, url: string) {
  const start = url.indexOf('/proxy/') + '/proxy/'.length;
  const end = url.indexOf('?', start);
  const raw = url.slice(start, end < 0 ? undefined : end);
  const verdict = judgeProxyPath(policy, method, raw);
  if (verdict.kind === 'open') return { ...verdict, query: end < 0 ? '' : url.slice(end) };
  if (verdict.kind === 'malformed') {
    const msg = `The path below proxy/ is refused: ${verdict.reason}.`;
    throw validationError([{ loc: ['path', 'path'], msg, type: 'invalid_path' }]);
  }
  const shown = verdict.path.slice(0, 200);
  if (verdict.methods.length > 0) {
    const allow = verdict.methods.join(', ');
    throw new ApiError(405001, `${method} ${shown} does not pass the proxy; ${allow} does.`, { headers: { allow } });
  }
  throw new ApiError(403003, `The policy of the instance proxy does not open ${method} ${shown}.`, {
    hint: 'The operator can open it with COMFLEET_PROXY_ALLOW.',
  });
}

async function requireDeployment(deps: ProxyParts, { params, account }: AccountCall<Caller>) {
  const id = params['deployment_id'] ?? '';
  if (!isUuid(id)) throw new ApiError(404001, `There is no deployment ${id.slice(0, 100)}.`);
  const deployment = await deps.directory.require(id, account.id);
  // A disabled deployment uses no instances, so nothing of them is open to it.
  const gate = judgeSubmit(deployment);
  if (gate.kind === 'refuse') throw new ApiError(gate.code, gate.message);
  return deployment;
}

function requireInstance(fleet: Fleet, id: string): Instance {
  const instance = fleet.get(id.toLowerCase());
  if (instance === undefined) throw new ApiError(404001, `The deployment has no instance ${id.slice(0, 100)}.`);
  if (instance.phase === 'ready') return instance;
  const why = instance.phase === 'starting' ? 'is still starting' : 'does not answer at the moment';
  throw new ApiError(10007, `Instance ${id} ${why}; try again soon.`, { headers: { 'retry-after': '2' } });
}

async function sendPrompt(deps: ProxyParts, proxied: Proxied): Promise<unknown> {
  if (deps.isBilled) {
    // Only requests are charged for their runs.
    throw new ApiError(403003, 'Prompts do not pass the instance proxy while runs are billed.', {
      hint: 'Submit the graph as a request of the deployment, with workflow_api_json.',
    });
  }
  const { call, reply, instance, deploymentId } = proxied;
  const body = await readJson(deps, proxied);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const { account } = call;
  const answer = await deps.prompts.send({
    accountId: account.id,
    tokenId: account.token.id,
    deploymentId,
    instance,
    body,
    signal: gone.signal,
  });
  return reply.code(answer.status).type('application/json; charset=utf-8').send(answer.body);
}

async function viewFile(deps: ProxyParts, { call, instance, reply, query }: Proxied): Promise<unknown> {
  const given = new URLSearchParams(query);
  const name = readViewName({
    filename: given.get('filename') ?? '',
    subfolder: given.get('subfolder') ?? '',
    type: given.get('type') ?? 'output',
  });
  const at = { accountId: call.account.id, instanceId: instance.id };
  if (name === undefined || !(await deps.owners.ownsFile(at, name))) {
    throw new ApiError(404001, 'The account has no file of this name on the instance.');
  }
  // Made anew: the instance reads no other name out of it than was judged here.
  const asked = new URLSearchParams({ filename: name.filename, subfolder: name.subfolder, type: name.type });
  for (const option of ['preview', 'channel']) {
    const value = given.get(option);
    if (value !== null) asked.set(option, value);
  }
  return await forward(deps, { instance, reply, path: `/view?${asked}` });
}

async function readJson(deps: ProxyParts, { call, reply }: Proxied) {
  const announced = call.request.headers['content-length'];
  const bytesHeld = announced === undefined ? deps.bodyLimitBytes : Math.min(Number(announced), deps.bodyLimitBytes);
  const leave = deps.room.enter(call.account.id, bytesHeld);
  if (reply.raw.closed) leave();
  else reply.raw.once('close', leave);
  const bytes = await readStream(call.request.raw, deps.bodyLimitBytes);
  if (bytes === undefined) {
    throw new ApiError(413001, `The body is larger than this server accepts (${deps.bodyLimitBytes} bytes).`);
  }
  return await readBody(bytes);
}

function toTarget({ call, instance }: Proxied) {
  return { accountId: call.account.id, instance };
}

function sendJson(reply: FastifyReply, text: string) {
  return reply.type('application/json; charset=utf-8').send(text);
}

function refuseHeader(msg: string): ApiError {
  return new ApiError(422001, msg, { detail: [{ loc: ['header'], msg, type: 'invalid_header' }] });
}
