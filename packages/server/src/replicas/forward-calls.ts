// On a replica that is not the brain: calls that only the brain can answer, or answers better, are passed on to it before
// their body is read. While there is none, they are answered from the database where that is right. Wired in app-door.ts.
import { Readable } from 'node:stream';
import { ApiError, methodsOf, ROUTES, type RouteId } from '@comfleet/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { upgradeOf } from '../http/upgrade.ts';
import type { BrainAddress } from './brain-address.ts';
import { HOP, passOn } from './pass-on.ts';
import { isRepeatable, needsBrain, type Way, wayOf } from './policy.pure.ts';
import { relayEvents } from './relay-events.ts';
import { openTunnel } from './tunnel.ts';

interface Deps {
  readonly brain: BrainAddress;
  readonly ownUrl: () => string;
  /** Whether the database has the request as one that has not ended. */
  readonly isLive: (requestId: string) => Promise<boolean>;
  readonly isSandbox: boolean;
  /** Whether an instance has to be asked before anybody can judge a request of the deployment. */
  readonly isUnjudged: (deploymentId: string) => Promise<boolean>;
  /** The brain changed something for a caller of this replica: what is kept of it here is out of date. */
  readonly onChanged: () => void;
}

/** A brain is followed within this time. */
const BRAIN_WITHIN_MS = 3_000;
/** A poll is rather answered from the database than late. */
const POLL_WITHIN_MS = 1_000;
const SMALL_BODY_BYTES = 64 * 1024;

export function forwardCalls(app: FastifyInstance, deps: Deps): void {
  const ids = listRouteIds();
  const bodies = new WeakMap<FastifyRequest, Buffer>();
  app.addHook('onRequest', async (request, reply) => {
    const id = ids.get(`${request.method} ${request.routeOptions.url ?? ''}`);
    const way = await wayOfCall(deps, id, request);
    if (id === undefined || way === 'here') return;
    const body = id === 'proxyInstance' ? undefined : await readSmall(request);
    if (body !== undefined) bodies.set(request, body);
    const question = { id, request, reply, body };
    const isAnswered = way === 'brain' ? await askBrain(deps, question) : await askOfLive(deps, way, question);
    if (isAnswered) return reply;
  });
  // Read already, and not answered by the brain: its own route reads it again.
  app.addHook('preParsing', async (request, _reply, payload) => {
    const body = bodies.get(request);
    return body === undefined ? payload : Readable.from(body.length === 0 ? [] : [body], { objectMode: false });
  });
}

async function wayOfCall(deps: Deps, id: RouteId | undefined, request: FastifyRequest): Promise<Way> {
  if (id === undefined || deps.brain.isHere() || request.headers[HOP] !== undefined) return 'here';
  if (id !== 'submitRequest') return wayOf(id);
  // What was simulated is in the brain's memory.
  return deps.isSandbox || (await deps.isUnjudged(parameter(request, 'deployment_id'))) ? 'brain' : 'here';
}

async function askOfLive(deps: Deps, way: 'live' | 'stream', { request, reply }: Question): Promise<boolean> {
  if (!(await deps.isLive(parameter(request, 'request_id')))) return false;
  if (way === 'stream' && request.method === 'GET') return await relayEvents(deps, request, reply);
  return await askQuickly(deps, request, reply);
}

function parameter({ params }: FastifyRequest, name: 'request_id' | 'deployment_id'): string {
  return (params as Record<string, string>)[name] ?? '';
}

interface Question {
  readonly id: RouteId;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly body: Buffer | undefined;
}

/** False: it is to be answered here. */
async function askBrain({ brain, onChanged }: Deps, question: Question): Promise<boolean> {
  const isChange = question.request.method !== 'GET' && question.id !== 'proxyInstance';
  const asked = { ...question, onAnswer: isChange ? onChanged : undefined };
  const until = performance.now() + BRAIN_WITHIN_MS;
  while (performance.now() < until) {
    const brainUrl = await brain.wait(until - performance.now());
    if (brain.isHere()) return false;
    if (brainUrl === undefined) break;
    if (await askOnce(asked, brainUrl, brain.signal())) return true;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  if (!needsBrain(question.id)) return false;
  const message = 'The replica that has the instances is being replaced; nothing was done. Try again in a second.';
  throw new ApiError(503001, message, { headers: { 'retry-after': '1' } });
}

const PAUSE_MS = 100;

/** False: it may be asked again, or another. */
async function askOnce(
  question: Question & { onAnswer: (() => void) | undefined },
  brainUrl: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, request, reply, body } = question;
  const upgrade = upgradeOf(request.raw);
  if (upgrade !== undefined) return await openTunnel({ brainUrl, request, reply, upgrade, signal });
  const passed = await passOn({ ...question, brainUrl, signal });
  if (passed === 'answered' || reply.raw.destroyed) return true;
  if (passed === 'not_sent' || (body !== undefined && isRepeatable(id, request.method))) return false;
  const message =
    'The replica that was asked went away over this call. It may have been carried out: look before you try again.';
  throw new ApiError(503001, message, { headers: { 'retry-after': '1' } });
}

async function askQuickly({ brain }: Deps, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
  const brainUrl = brain.find();
  if (brainUrl === undefined) return false;
  const body = Buffer.alloc(0);
  const given = { brainUrl, request, reply, body, signal: brain.signal(), withinMs: POLL_WITHIN_MS };
  return (await passOn(given)) === 'answered';
}

/** undefined: too large, or nobody knows how large. */
async function readSmall(request: FastifyRequest): Promise<Buffer | undefined> {
  const { headers } = request.raw;
  if (headers['transfer-encoding'] !== undefined) return undefined;
  const length = Number(headers['content-length'] ?? 0);
  if (length > SMALL_BODY_BYTES) return undefined;
  if (length === 0) return Buffer.alloc(0);
  const parts: Buffer[] = [];
  for await (const part of request.raw) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** `GET /prod/v2/…/:request_id/status` → its id. */
function listRouteIds(): Map<string, RouteId> {
  const ids = new Map<string, RouteId>();
  for (const route of ROUTES) {
    const urls = route.base === 'versioned' ? [`/prod/v1${route.path}`, `/prod/v2${route.path}`] : [route.path];
    const methods = methodsOf(route);
    for (const method of methods.includes('GET') ? [...methods, 'HEAD'] : methods) {
      for (const url of urls) ids.set(`${method} ${url}`, route.id);
    }
  }
  return ids;
}
