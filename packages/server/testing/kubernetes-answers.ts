// How the stand-in for a cluster's API server answers each call, as the real one does. Used by kubernetes-api.ts.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { V1Pod } from '@kubernetes/client-node';
import { type Fault, isSelected, line, removePod, type State, type StoredPod, store } from './kubernetes-world.ts';

interface Call {
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://standin');
  const path = pathname.replace(/^\/api\/v1\/namespaces\/[^/]+\//, '');
  const verb = query.get('watch') === 'true' ? 'WATCH' : (request.method ?? '');
  const call = { verb, path, query, body: await readBody(request) };
  state.calls.push(`${verb} ${path}`);
  const fault = takeFault(state, call);
  if (fault === undefined) {
    choose(state, response, call)();
    return;
  }
  if (fault.cutsAfterwards === true) {
    if (verb === 'POST') create(state, response, call);
    response.socket?.destroy();
    return;
  }
  const { status: code, reason = '', message = 'a fault of the test' } = fault;
  fail(response, { code, reason, message }, fault.headers);
}

function takeFault({ faults }: State, { verb, path }: Call): Fault | undefined {
  const fault = faults.find(({ call }) => call === `${verb} ${path}`);
  if (fault === undefined) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
  return fault;
}

function choose(state: State, response: ServerResponse, call: Call): () => void {
  const { verb, path, query } = call;
  const [kind = '', name, part] = path.split('/');
  if (path.includes('selfsubjectaccessreviews')) return () => reviewAccess(state, response, call.body);
  if (kind === 'secrets' && state.secrets.has(name ?? '')) {
    return () => reply(response, 200, { kind: 'Secret', apiVersion: 'v1', metadata: { name } });
  }
  if (kind !== 'pods') return () => fail(response, notFound(kind, name));
  if (verb === 'POST') return () => create(state, response, call);
  if (verb === 'WATCH') return () => openWatch(state, response, query);
  if (name === undefined) return () => list(state, response, query);
  if (part === 'log') return () => readLog(state, response, { name, lines: Number(query.get('tailLines')) });
  const pod = state.pods.get(name);
  if (pod === undefined) return () => fail(response, notFound('pods', name));
  if (verb === 'DELETE') return () => remove(state, response, { pod, grace: query.get('gracePeriodSeconds') });
  return () => reply(response, 200, pod);
}

function readLog({ logs }: State, response: ServerResponse, { name, lines }: { name: string; lines: number }): void {
  const text = logs.get(name);
  if (text === undefined) fail(response, notFound('pods', name));
  else {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end(`${text.split('\n').slice(-lines).join('\n')}\n`);
  }
}

function create(state: State, response: ServerResponse, { body, query }: Call): void {
  const pod = body as V1Pod;
  const name = pod.metadata?.name ?? '';
  if (state.pods.has(name)) {
    fail(response, { code: 409, reason: 'AlreadyExists', message: `pods "${name}" already exists` });
    return;
  }
  const creationTimestamp = new Date().toISOString() as unknown as Date; // as it is on the wire
  const made = {
    ...pod,
    metadata: { ...pod.metadata, name, uid: randomUUID(), creationTimestamp },
    status: { phase: 'Pending' },
  };
  reply(response, 201, query.get('dryRun') === 'All' ? made : store(state, 'ADDED', made));
}

function remove(
  state: State,
  response: ServerResponse,
  { pod, grace }: { pod: StoredPod; grace: string | null },
): void {
  reply(response, 200, removePod(state, pod, grace));
}

function list(state: State, response: ServerResponse, query: URLSearchParams): void {
  const all = [...state.pods.values()].filter((pod) => isSelected(pod, query.get('labelSelector') ?? ''));
  const offset = Number(query.get('continue') ?? 0);
  const limit = Math.min(Number(query.get('limit') ?? all.length), state.pageLimit ?? all.length);
  const isLast = offset + limit >= all.length;
  const metadata = { resourceVersion: String(state.version), ...(!isLast && { continue: String(offset + limit) }) };
  reply(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata, items: all.slice(offset, offset + limit) });
}

function openWatch(state: State, response: ServerResponse, query: URLSearchParams): void {
  const from = Number(query.get('resourceVersion'));
  const selector = query.get('labelSelector') ?? '';
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  if (from < state.compactedAt) {
    const message = `too old resource version: ${from} (${state.compactedAt})`;
    response.end(line('ERROR', statusOf({ code: 410, reason: 'Expired', message })));
    return;
  }
  for (const event of state.history) {
    if (event.version > from && isSelected(event.pod, selector)) response.write(line(event.type, event.pod));
  }
  const watch = { response, selector };
  state.watches.add(watch);
  const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 1800) * 1000);
  response.on('close', () => {
    clearTimeout(timer);
    state.watches.delete(watch);
  });
}

function reviewAccess(state: State, response: ServerResponse, body: unknown): void {
  const { spec } = body as { spec: { resourceAttributes: { verb: string; resource: string; subresource?: string } } };
  const { verb, resource, subresource } = spec.resourceAttributes;
  const wish = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  const kind = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
  reply(response, 201, { ...kind, spec, status: { allowed: !state.forbidden.has(wish) } });
}

interface Status {
  readonly code: number;
  readonly reason?: string;
  readonly message: string;
}

export function statusOf(status: Status): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...status };
}

function notFound(resource: string, name = ''): Status {
  return { code: 404, reason: 'NotFound', message: `${resource} "${name}" not found` };
}

export function fail(response: ServerResponse, status: Status, headers: Readonly<Record<string, string>> = {}): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  reply(response, status.code, statusOf(status));
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}
