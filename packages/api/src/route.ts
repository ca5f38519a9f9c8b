// What the route table says about one route. The server, the OpenAPI document and the clients read it; a new route is
// one entry in routes/<noun>.ts.
import type { TSchema } from 'typebox';
import type { Scope } from './accounts.ts';
import type { ErrorCode } from './errors.ts';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What `ANY` stands for. */
export const ANY_METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

export interface RouteReply {
  readonly description: string;
  /** The JSON body; left out when there is none or it is no JSON. */
  readonly schema?: TSchema;
  /** The media type of a body that is no JSON. */
  readonly contentType?: string;
  /** The events of a stream, by name. */
  readonly events?: Readonly<Record<string, TSchema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteHeader {
  readonly name: string;
  readonly description: string;
  readonly schema: TSchema;
}

export interface Route {
  readonly id: string;
  /** `ANY`: each method of ANY_METHODS, for a way through to another server. */
  readonly method: HttpMethod | 'ANY';
  /** Below the base, in the router's notation: `/deployments/:deployment_id`, `*` for the rest of the path. */
  readonly path: string;
  /** `versioned`: below /prod/v1 and /prod/v2. `root`: as it stands. */
  readonly base: 'versioned' | 'root';
  /** `public` routes need no token. */
  readonly access: 'token' | 'public';
  /** The scopes of which the token needs one; left out on public routes and on those that any token may call. */
  readonly scopes?: readonly Scope[];
  readonly tag: RouteTag;
  readonly summary: string;
  readonly description?: string;
  /** What a path parameter is, where its name does not say enough. */
  readonly params?: Readonly<Record<string, { readonly description: string; readonly values?: readonly string[] }>>;
  readonly query?: TSchema;
  readonly headers?: readonly RouteHeader[];
  readonly body?: TSchema;
  readonly replies: Readonly<Record<number, RouteReply>>;
  /** The codes it can answer beyond those every route of its kind can. */
  readonly errors: readonly ErrorCode[];
}

export const ROUTE_TAGS = {
  requests: 'Submit a run, follow it, fetch its result, cancel it.',
  deployments: 'A workflow version with hardware and scaling limits.',
  workflows: 'Graphs, saved as immutable versions.',
  instances: 'The ComfyUI servers that run a deployment, and the way through to them.',
  webhooks: 'Deliveries of results to your own servers, and the secret that signs them.',
  billing: 'Balance and usage.',
  account: 'The caller, its tokens, its history, and what it may use.',
  admin: 'Accounts and their funds; for administrators.',
  files: 'Result files and saved object_info.',
  service: 'Is the service alive, and what can it do?',
} as const;
export type RouteTag = keyof typeof ROUTE_TAGS;

/** What any route can answer, by who may call it. */
export const COMMON_ERRORS: Readonly<Record<Route['access'], readonly ErrorCode[]>> = {
  token: [401001, 429001, 500001, 503001],
  public: [500001],
};

/** The codes a route can answer with, its own and those of every route of its kind, ascending. */
export function errorsOf(route: Route): ErrorCode[] {
  const body: readonly ErrorCode[] = route.body === undefined ? [] : [413001, 422001];
  const query: readonly ErrorCode[] = route.query === undefined ? [] : [422001];
  const scopes: readonly ErrorCode[] = route.scopes === undefined ? [] : [403003];
  return [...new Set([...route.errors, ...scopes, ...body, ...query, ...COMMON_ERRORS[route.access]])].sort(
    (a, b) => a - b,
  );
}

/** The HTTP methods that a route answers. */
export function methodsOf(route: Pick<Route, 'method'>): readonly HttpMethod[] {
  return route.method === 'ANY' ? ANY_METHODS : [route.method];
}

export const API_VERSIONS = ['v1', 'v2'] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];
export const API_BASE = '/prod';
