// The HTTP door: limits, request ids, one raw body parser for every content type, errors in one place. Made by app.ts.
// Fastify's own request log is off: one line of ours per finished request costs less and says more.
import { ApiError, errorBody } from '@comfleet/api';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Log } from '../telemetry/log.ts';
import { allowOrigins } from './cors.ts';
import { describeUnknownRoute, listMethods } from './known-routes.ts';
import { createBodyReceiver } from './receive-body.ts';
import { refuseMalformed } from './refuse-malformed.ts';
import { createErrorSender } from './send-error.ts';
import { serveUpgrades, UpgradableRequest } from './upgrade.ts';

export interface HttpDeps {
  readonly log: Log;
  readonly newId: () => string;
  readonly bodyLimitBytes: number;
  readonly errorStatus: 'real' | '200';
  readonly corsOrigins: readonly string[];
  /** Headers have to be there within this time, or the connection ends. */
  readonly headersTimeoutMs?: number;
}

const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100}[ \t]*(;[ -~]*)?$/i;

/** For a call to be there whole: 64 MiB on a slow line. */
const BODY_TIMEOUT_MS = 15 * 60_000;
const HEADERS_TIMEOUT_MS = 30_000;
const CHECK_EVERY_MS = 1_000;

export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const sendError = createErrorSender(deps);
  const app = Fastify({
    logger: false,
    http: {
      IncomingMessage: UpgradableRequest,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      // The hook below refuses a call without one in our shape, and one with two.
      requireHostHeader: false,
      joinDuplicateHeaders: true,
    },
    genReqId: deps.newId,
    bodyLimit: deps.bodyLimitBytes,
    // Rule 13: /deployments/ and /deployments answer alike, without a redirect.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 4_096 },
    // The error sender says what is wrong; these would answer in shapes of their own.
    forceCloseConnections: 'idle',
    requestTimeout: BODY_TIMEOUT_MS,
    keepAliveTimeout: 75_000,
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => refuseMalformed(error, socket, deps.newId()),
    // A path with malformed escapes reaches no hook and no route of ours.
    frameworkErrors(_error, request, reply) {
      reply.header('x-request-id', request.id);
      sendError(new ApiError(404001, describeUnknownRoute(request.url.split('?')[0] ?? '')), request, reply);
    },
  });
  // Rule 18: a body is JSON whatever Content-Type says. Routes that take one parse it (read-body.ts).
  app.removeAllContentTypeParsers();
  const bodies = createBodyReceiver(deps.bodyLimitBytes);
  app.addContentTypeParser('*', bodies.receive);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const contentType = request.raw.headers['content-type'];
    // Fastify answers 415 to one it cannot read, before any parser of ours sees the body.
    if (contentType !== undefined && !MEDIA_TYPE.test(contentType)) delete request.raw.headers['content-type'];
    if (!isOneHost(request)) return refuseHost(request, reply);
    // No route takes it, and Fastify would ask for a Content-Type before we can say so.
    if (request.method === 'QUERY') request.raw.headers['content-type'] ??= 'application/json';
    bodies.expect(request, reply);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const methods = listMethods(path);
    const isUnknown = methods.length === 0 || methods.includes(request.method);
    if (isUnknown) return sendError(new ApiError(404001, describeUnknownRoute(path)), request, reply);
    const message = `${request.method} is not possible on ${path.slice(0, 200)}; it takes ${methods.join(', ')}.`;
    const headers = { allow: [...methods, 'OPTIONS'].join(', ') };
    if (request.method === 'OPTIONS') return reply.code(204).headers(headers).send();
    return sendError(new ApiError(405001, message, { headers }), request, reply);
  });
  allowOrigins(app, { origins: deps.corsOrigins, listMethods });
  app.server.headersTimeout = deps.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  serveUpgrades(app, app.server);
  return app;
}

function isOneHost({ raw }: FastifyRequest): boolean {
  const { host } = raw.headers;
  return host === undefined ? raw.httpVersionMinor === 0 : !host.includes(',');
}

// HTTP wants 400 for this.
function refuseHost(request: FastifyRequest, reply: FastifyReply) {
  const message = 'The call has to have one Host header.';
  const detail = [{ loc: ['header', 'host'], msg: message, type: 'invalid_header' }];
  const body = errorBody({ code: 422001, message, detail, requestId: request.id });
  return reply.code(400).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

const SWEEP_MS = 25;

/**
 * Refuses new connections, lets the calls under way end, and is done within the time. Node closes what is idle once: a
 * connection whose answer ends a moment later would be kept alive, and the stop would wait for its keep-alive time.
 */
export async function closeHttpServer(app: FastifyInstance, graceMs: number): Promise<void> {
  const closed = app.close();
  const sweep = setInterval(() => app.server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(cut);
  }
}
