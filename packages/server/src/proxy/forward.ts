// One call passed on to an instance and its answer passed back, both as streams, with back-pressure and caps. What breaks
// on one side is broken off on the other. Called by routes.ts, and by upload.ts with a body of its own.
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { ApiError } from '@comfleet/api';
import type { FastifyReply } from 'fastify';
import type { Instance } from '../instances/fleet.ts';
import { toCallerHeaders, toInstanceHeaders } from './headers.pure.ts';
import type { Pools } from './pools.ts';

export interface ForwardDeps {
  readonly pools: Pools;
  readonly maxBytes: number;
}

export interface Forwarded {
  readonly instance: Instance;
  readonly reply: FastifyReply;
  /** With its query. */
  readonly path: string;
  /** Instead of the caller's own body. */
  readonly body?: { readonly stream: Readable; readonly contentType: string };
}

/** Both ways together, however fast either side is. */
const WHOLE_MS = 30 * 60_000;

/** Throws while nothing was answered; afterwards a failure ends the caller's connection, so that no one takes half for all. */
export async function forward(deps: ForwardDeps, given: Forwarded): Promise<void> {
  const { instance, reply } = given;
  const { pool, basePath } = deps.pools.of(instance);
  const { raw } = reply;
  const request = reply.request.raw;
  const headers = toInstanceHeaders(request.headers);
  const body = given.body === undefined ? ownBody(deps, reply, headers) : replaceBody(headers, given.body);
  // An emitter and not an AbortSignal: one is made for each call, and costs a tenth.
  const ended = new EventEmitter();
  const timer = setTimeout(() => ended.emit('abort'), WHOLE_MS);
  // A caller that goes away before the answer began; later its stream tells.
  const onClose = () => ended.emit('abort');
  raw.once('close', onClose);
  try {
    await pool.stream(
      {
        method: request.method as 'GET',
        path: basePath + given.path,
        headers,
        body: body ?? null,
        signal: ended,
      },
      ({ statusCode, headers: answered }) => {
        raw.off('close', onClose);
        return answer(deps, reply, { statusCode, headers: toCallerHeaders(answered) });
      },
    );
  } catch (error) {
    if (reply.sent || raw.destroyed) raw.destroy();
    else throw toUnreachable(instance, error);
  } finally {
    clearTimeout(timer);
    raw.off('close', onClose);
  }
}

function answer(
  { maxBytes }: ForwardDeps,
  reply: FastifyReply,
  { statusCode, headers }: { statusCode: number; headers: Record<string, string | string[]> },
): ServerResponse | Transform {
  // Nothing follows the head of an answer to HEAD, whatever length it tells.
  if (reply.request.method !== 'HEAD' && Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  reply.hijack();
  // Those of hooks: the request id, and CORS where it is configured.
  const own = reply.getHeaders();
  reply.raw.writeHead(statusCode, { ...headers, ...(own as Record<string, string>) });
  // Small answers go out in one piece with their head; of a long one the caller hears at once.
  if (headers['content-length'] !== undefined) return reply.raw;
  reply.raw.flushHeaders();
  return limited(maxBytes, reply.raw);
}

function limited(maxBytes: number, target: ServerResponse): Transform {
  const counter = createCounter(maxBytes);
  counter.on('error', () => target.destroy());
  target.on('close', () => counter.destroy());
  counter.pipe(target);
  return counter;
}

function ownBody({ maxBytes }: ForwardDeps, reply: FastifyReply, headers: Record<string, string>) {
  const request = reply.request.raw;
  const length = headers['content-length'];
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  if (!isChunked && (length === undefined || length === '0')) return undefined;
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (!isChunked) return request;
  const counter = createCounter(maxBytes);
  request.on('error', (error) => counter.destroy(error));
  request.on('close', () => {
    if (!request.complete) counter.destroy(new Error('the body broke off'));
  });
  return request.pipe(counter);
}

function replaceBody(headers: Record<string, string>, body: { stream: Readable; contentType: string }): Readable {
  delete headers['content-length'];
  delete headers['content-encoding']; // what is written anew is not encoded
  headers['content-type'] = body.contentType;
  return body.stream;
}

export function createCounter(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge(maxBytes));
      else done(null, chunk);
    },
  });
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(413001, `The body is larger than the instance proxy passes on (${maxBytes} bytes).`);
}

export function toUnreachable(instance: Instance, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const why = error instanceof Error ? error.message || error.name : String(error);
  const message = `Instance ${instance.id} did not answer: ${withoutAddress(why)}.`;
  return new ApiError(10007, message, { headers: { 'retry-after': '2' }, cause: error });
}

/** An operator's addresses are not for callers. */
function withoutAddress(text: string): string {
  return text.replace(/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\[?[0-9a-f]*:[0-9a-f:]+\]?(?::\d+)?/gi, 'its address');
}
