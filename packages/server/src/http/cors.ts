// CORS, for pages of the origins that the operator names. Off unless COMFLEET_CORS_ORIGINS is set. Wired by server.ts.
import type { FastifyInstance } from 'fastify';

const EXPOSED =
  'x-request-id, retry-after, idempotent-replayed, ratelimit, ratelimit-policy, preference-applied, location';
const TAKEN =
  'authorization, content-type, content-encoding, idempotency-key, prefer, accept, last-event-id, traceparent, comfleet-simulate';
const PREFLIGHT_SECONDS = '600';

/** `listMethods` says what a path takes; a preflight for anything else is answered without leave. */
export function allowOrigins(
  app: FastifyInstance,
  { origins, listMethods }: { origins: readonly string[]; listMethods: (path: string) => string[] },
): void {
  if (origins.length === 0) return;
  const isAny = origins.includes('*');
  const allowed = new Set(origins);
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    // Tokens travel in a header, never in a cookie: credentials are never allowed.
    if (!isAny) reply.header('vary', 'Origin');
    if (origin === undefined || !(isAny || allowed.has(origin))) return done();
    reply.header('access-control-allow-origin', isAny ? '*' : origin);
    reply.header('access-control-expose-headers', EXPOSED);
    const wanted = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || wanted === undefined) return done();
    const methods = listMethods(request.url.split('?')[0] ?? '');
    if (!methods.includes(wanted)) return done();
    return reply
      .code(204)
      .headers({
        allow: [...methods, 'OPTIONS'].join(', '),
        'access-control-allow-methods': methods.join(', '),
        'access-control-allow-headers': TAKEN,
        'access-control-max-age': PREFLIGHT_SECONDS,
      })
      .send();
  });
}
