// The OpenAPI 3.1 document of the service, made of the route table, the schemas and the error catalogue. Served at
// /openapi.json; nothing in it is written by hand.
import type { TSchema } from 'typebox';
import { ERRORS, type ErrorCode } from './errors.ts';
import { COMPONENTS } from './openapi-components.ts';
import { errorComponents, errorResponses } from './openapi-errors.ts';
import { toOpenApiSchema } from './openapi-schema.ts';
import { API_BASE, API_VERSIONS, errorsOf, type HttpMethod, methodsOf, ROUTE_TAGS, type Route } from './route.ts';
import { ROUTES } from './routes.ts';

export interface OpenApiInput {
  /** The version of the service, e.g. 0.1.0. */
  version: string;
  /** What URLs in answers begin with; left out, paths are relative to where the document was fetched. */
  publicUrl?: string;
}

export interface OpenApiDocument {
  openapi: '3.1.0';
  info: JsonObject;
  servers: JsonObject[];
  tags: JsonObject[];
  security: JsonObject[];
  paths: Record<string, JsonObject>;
  components: Record<string, JsonObject>;
}

type JsonObject = Record<string, unknown>;

const SENT: ReadonlySet<TSchema | undefined> = new Set(ROUTES.map(({ body }) => body));

/**
 * @example createOpenApi({ version: '0.1.0', publicUrl: 'https://comfy.example.org' })
 */
export function createOpenApi({ version, publicUrl }: OpenApiInput): OpenApiDocument {
  const origin = (publicUrl ?? '').replace(/\/+$/, '');
  const paths: Record<string, JsonObject> = {};
  for (const route of ROUTES) {
    const path = openApiPath(route.path);
    const item = paths[path] ?? (route.base === 'root' ? { servers: [{ url: origin === '' ? '/' : origin }] } : {});
    const operations = methodsOf(route).map((method) => [method.toLowerCase(), operation(route, method)]);
    paths[path] = { ...item, ...Object.fromEntries(operations) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'comfleet',
      version,
      summary: 'A serverless API in front of ComfyUI.',
      description: `Every error is one of the catalogue: ${Object.keys(ERRORS).length} codes, each with what to do about it.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [
      {
        url: `${origin}${API_BASE}/{api_version}`,
        variables: { api_version: { enum: [...API_VERSIONS], default: 'v2', description: 'Both serve every route.' } },
      },
    ],
    tags: Object.entries(ROUTE_TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <token>' } },
      schemas: Object.fromEntries(
        [...COMPONENTS].map(([schema, name]) => [
          name,
          toOpenApiSchema(schema, { isDefinition: true, isSent: SENT.has(schema) }),
        ]),
      ),
      ...errorComponents(),
    },
  };
}

/** `/deployments/:deployment_id/*` → `/deployments/{deployment_id}/{path}` */
export function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
}

function operation(route: Route, method: HttpMethod): JsonObject {
  const codes: readonly ErrorCode[] = errorsOf(route);
  const parameters = [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)];
  return {
    operationId: operationId(route, method),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.tag],
    ...(route.access === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: isBodyRequired(route.body), content: json(route.body, { isSent: true }) } }),
    responses: { ...replies(route, method), ...errorResponses(codes, { hasBody: method !== 'HEAD' }) },
    'x-error-codes': codes,
  };
}

/** Ids are unique in the document: a route of several methods has one for each. */
function operationId({ id, method: declared }: Route, method: HttpMethod): string {
  return declared === 'ANY' ? `${id}${method[0]}${method.slice(1).toLowerCase()}` : id;
}

/** An empty body counts as {}, so a body is required only when its schema requires a key. */
function isBodyRequired(body: TSchema): boolean {
  return 'required' in body && Array.isArray(body.required) && body.required.length > 0;
}

function replies(route: Route, method: HttpMethod): JsonObject {
  return Object.fromEntries(
    Object.entries(route.replies).map(([status, { description, schema, contentType, events, headers }]) => {
      const other = contentType === undefined ? undefined : { [contentType]: stream(events) };
      const content = method === 'HEAD' ? undefined : schema === undefined ? other : json(schema);
      const listed = Object.entries(headers ?? {}).map(([name, says]) => [
        name,
        { description: says, schema: { type: 'string' } },
      ]);
      return [
        status,
        {
          description,
          ...(listed.length === 0 ? {} : { headers: Object.fromEntries(listed) }),
          ...(content === undefined ? {} : { content }),
        },
      ];
    }),
  );
}

function pathParameters(route: Route): JsonObject[] {
  const names = [...openApiPath(route.path).matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  return names.map((name) => {
    const about = route.params?.[name];
    return {
      name,
      in: 'path',
      required: true,
      ...(about === undefined ? {} : { description: about.description }),
      schema: { type: 'string', ...(about?.values === undefined ? {} : { enum: about.values }) },
    };
  });
}

function queryParameters(route: Route): JsonObject[] {
  const query: { properties?: Record<string, TSchema & { description?: string }>; required?: readonly string[] } =
    route.query ?? {};
  return Object.entries(query.properties ?? {}).map(([name, schema]) => {
    const { description, ...rest } = toOpenApiSchema(schema);
    return {
      name,
      in: 'query',
      required: query.required?.includes(name) === true,
      ...(description === undefined ? {} : { description }),
      // `?cursor=` counts as left out.
      allowEmptyValue: true,
      schema: rest,
    };
  });
}

function headerParameters(route: Route): JsonObject[] {
  return (route.headers ?? []).map(({ name, description, schema }) => {
    return { name, in: 'header', required: false, description, schema: toOpenApiSchema(schema) };
  });
}

// OpenAPI 3.1 has no words for a stream's events; they stand beside its schema.
function stream(events: Readonly<Record<string, TSchema>> | undefined): JsonObject {
  if (events === undefined) return {};
  const listed = Object.entries(events).map(([name, schema]) => [name, toOpenApiSchema(schema)]);
  return { schema: { type: 'string' }, 'x-events': Object.fromEntries(listed) };
}

function json(schema: TSchema, wish = {}): JsonObject {
  return { 'application/json': { schema: toOpenApiSchema(schema, wish) } };
}
