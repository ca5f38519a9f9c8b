// Registers a route of the contract's table: under both versions where it has them, authenticated before its body is
// read. Called by every routes.ts.
import { API_VERSIONS, ApiError, methodsOf, type RouteId, routeOf } from '@comfleet/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createClientAddress } from './client-address.ts';
import { ALSO_VERSIONED } from './known-routes.ts';
import type { PublicUrlSettings } from './public-url.ts';
import { createPublicUrl } from './public-url.ts';
import { createRateLimiter, type RateLimits } from './rate-limit.ts';

/** Who calls; the domain says what is known of an account beyond its id. */
export interface Caller {
  readonly id: string;
  /** What its token may do. */
  readonly scopes: readonly string[];
  readonly token: { readonly id: string };
}

export type Authenticate<Account extends Caller> = (
  header: string | undefined,
) => Promise<{ kind: 'ok'; account: Account } | { kind: 'refused'; reason: string }>;

/** One call, as a handler sees it. */
export interface Call {
  readonly request: FastifyRequest;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly version: 'v1' | 'v2';
  /** What URLs in the answer begin with. */
  base(): string;
}

export interface AccountCall<Account extends Caller> extends Call {
  readonly account: Account;
}

/** An object is written as JSON; a string is JSON text already. */
export interface Answer {
  readonly status?: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteServer<Account extends Caller = Caller> {
  serve(id: RouteId, handle: (call: AccountCall<Account>) => Promise<Answer>): void;
  /** For answers that are no JSON, or that go on: the handler writes the reply itself. */
  serveRaw(id: RouteId, handle: (call: AccountCall<Account>, reply: FastifyReply) => Promise<unknown>): void;
  /** Like serveRaw, for a body that goes on unread: `call.request.raw` is the stream. Also gets websockets (upgrade.ts). */
  serveStream(id: RouteId, handle: (call: AccountCall<Account>, reply: FastifyReply) => Promise<unknown>): void;
  servePublic(id: RouteId, handle: (call: Call, reply: FastifyReply) => Promise<unknown>): void;
}

interface Deps<Account extends Caller> {
  readonly app: FastifyInstance;
  readonly authenticate: Authenticate<Account>;
  readonly publicUrl: PublicUrlSettings;
  readonly rateLimits: RateLimits;
}

export function createRouteServer<Account extends Caller>(deps: Deps<Account>): RouteServer<Account> {
  const { app } = deps;
  const toCall = createCallReader(deps.publicUrl);
  const door = createDoor(deps);

  // Field by field: a spread would cost each poll more than a microsecond.
  function toAccountCall(request: FastifyRequest, version: 'v1' | 'v2'): AccountCall<Account> {
    const { params, query, base } = toCall(request, version);
    return { request, params, query, version, base, account: door.accountOf(request) };
  }

  type RawHandler = (call: AccountCall<Account>, reply: FastifyReply) => Promise<unknown>;
  const serveRaw = (id: RouteId, handle: RawHandler) => serveIn(app, id, handle);

  function serveIn(scope: FastifyInstance, id: RouteId, handle: RawHandler) {
    const route = routeOf(id);
    for (const { url, version } of pathsOf(id)) {
      scope.route({
        method: [...methodsOf(route)],
        url,
        ...(route.method === 'ANY' ? { exposeHeadRoute: false } : {}),
        onRequest: door.guard(id),
        handler: async (request, reply) => await handle(toAccountCall(request, version), reply),
      });
    }
  }

  return {
    serveRaw,
    serveStream(id, handle) {
      app.register((scope, _options, done) => {
        scope.removeAllContentTypeParsers();
        scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
        serveIn(scope, id, handle);
        done();
      });
    },
    serve(id, handle) {
      serveRaw(id, async (call, reply) => {
        const answer = await handle(call);
        if (answer.headers) reply.headers(answer.headers);
        const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
        return reply
          .code(answer.status ?? 200)
          .type('application/json; charset=utf-8')
          .send(text);
      });
    },
    servePublic(id, handle) {
      for (const { url, version } of pathsOf(id)) {
        const { method } = routeOf(id);
        app.route({
          method: [...methodsOf({ method })],
          url,
          exposeHeadRoute: method === 'GET' && id !== 'getFile',
          handler: async (request, reply) => await handle(toCall(request, version), reply),
        });
      }
    },
  };
}

// Before the body is read: a caller without a token must not make us take 64 MiB.
function createDoor<Account extends Caller>({ authenticate, rateLimits, publicUrl }: Deps<Account>) {
  const accounts = new WeakMap<FastifyRequest, Account>();
  const limiter = createRateLimiter(rateLimits);
  const addressOf = createClientAddress(publicUrl.trustedProxies);
  return {
    guard(id: RouteId) {
      const { scopes } = routeOf(id);
      return async (request: FastifyRequest, reply: FastifyReply) => {
        const { authorization } = request.headers;
        const result = await authenticate(authorization);
        if (result.kind === 'refused') {
          const address = addressOf(request.raw);
          if (limiter.isGuessing(address)) limiter.refuseGuessing();
          limiter.countRefusal(address);
          throw new ApiError(401001, `${result.reason} Send the header "Authorization: Bearer <token>".`);
        }
        const left = limiter.countCall(result.account.token.id, request.method);
        if (left !== undefined) reply.headers(left);
        requireScope(result.account, scopes);
        accounts.set(request, result.account);
      };
    },
    accountOf(request: FastifyRequest): Account {
      const account = accounts.get(request);
      if (account === undefined) throw new Error('a route ran without its account');
      return account;
    },
  };
}

function createCallReader(publicUrl: PublicUrlSettings) {
  const toBase = createPublicUrl(publicUrl);
  return (request: FastifyRequest, version: 'v1' | 'v2'): Call => ({
    request,
    params: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
    version,
    base: () =>
      toBase({
        host: request.headers.host,
        remoteAddress: request.socket.remoteAddress,
        forwardedHost: one(request.headers['x-forwarded-host']),
        forwardedProto: one(request.headers['x-forwarded-proto']),
      }),
  });
}

function requireScope(account: Caller, scopes: readonly string[] | undefined): void {
  if (scopes === undefined || scopes.some((scope) => account.scopes.includes(scope))) return;
  const message = `This token has the scopes ${account.scopes.join(', ') || 'none'}; this call needs ${scopes.join(' or ')}.`;
  throw new ApiError(403003, message, {
    hint: scopes.includes('admin')
      ? 'Use a token with that scope, which only an administrator can have.'
      : 'Use a token with that scope; POST /tokens makes one.',
  });
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function pathsOf(id: RouteId): { url: string; version: 'v1' | 'v2' }[] {
  const route = routeOf(id);
  const versioned = API_VERSIONS.map((version) => ({ url: `/prod/${version}${route.path}`, version }));
  if (route.base === 'versioned') return versioned;
  const root = { url: route.path, version: 'v2' as const };
  return ALSO_VERSIONED.has(id) ? [root, ...versioned] : [root];
}
