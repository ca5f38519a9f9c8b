// A span for each call to the API, below the caller's own when it sends a traceparent. Wired by app-door.ts, and only when
// traces are asked for; send-error.ts tells it of codes, a submit asks it for what the request's span belongs below.
import type { Context } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { redact } from '../telemetry/log.ts';
import { beginIncoming, type IncomingCall } from '../telemetry/trace-calls.ts';
import { tracing } from '../telemetry/traces.ts';
import { upgradeOf } from './upgrade.ts';

interface TracedCall {
  readonly call: IncomingCall;
  code: number | undefined;
}

const calls = new WeakMap<FastifyRequest, TracedCall>();
/** Asked every few seconds by machines. */
const UNTRACED = /\/(healthz|readyz|metrics)$/;

const PARAMETERS = { deployment_id: 'comfleet.deployment_id', request_id: 'comfleet.request_id' } as const;

export function traceServer(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const path = request.url.split('?')[0] ?? '';
    // A websocket leaves HTTP behind: nobody would see its call end.
    const isUntraced = UNTRACED.test(path) || upgradeOf(request.raw) !== undefined;
    const call = isUntraced ? undefined : beginIncoming(request.raw.headers, request.method);
    if (call !== undefined) {
      const traced = { call, code: undefined };
      calls.set(request, traced);
      // Also of a stream that is cut.
      reply.raw.once('close', () => end(request, traced, { path, status: reply.raw.statusCode }));
    }
    done();
  });
}

function end(request: FastifyRequest, { call, code }: TracedCall, given: { path: string; status: number }): void {
  const route = request.routeOptions.url;
  const params = (request.params ?? {}) as Readonly<Record<string, string | undefined>>;
  const attributes: Record<string, string | number> = {
    // A path of no route is whatever somebody typed, a token perhaps.
    'url.path': route === undefined ? 'unknown' : redact(given.path),
    'url.scheme': request.protocol,
    'comfleet.call_id': request.id,
  };
  if (route !== undefined) attributes['http.route'] = route;
  if (code !== undefined) attributes['comfleet.code'] = code;
  for (const [param, name] of Object.entries(PARAMETERS)) {
    const id = params[param];
    if (id !== undefined && UUID.test(id)) attributes[name] = id.toLowerCase();
  }
  call.end({
    name: route === undefined ? request.method : `${request.method} ${route}`,
    status: given.status,
    attributes,
    error: code === undefined ? undefined : String(code),
  });
}

const UUID = /^[0-9a-f-]{36}$/i;

export function noteErrorCode(request: FastifyRequest, code: number): void {
  const traced = tracing() && calls.get(request);
  if (traced !== undefined) traced.code = code;
}

/** undefined while traces are off. */
export function contextOfCall(request: FastifyRequest): Context | undefined {
  return tracing() && calls.get(request)?.call.context;
}
