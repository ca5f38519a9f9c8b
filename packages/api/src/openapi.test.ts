import { expect, test } from 'vitest';
import { createOpenApi, openApiPath } from './openapi.ts';
import { errorsOf, methodsOf } from './route.ts';
import { ROUTES } from './routes.ts';

const document = createOpenApi({ version: '1.2.3', publicUrl: 'https://comfy.example.org/' });

/** Every object of the document, with the keys that lead to it. */
function* walk(value: unknown, path: string[] = []): Generator<{ path: string[]; value: object }> {
  if (typeof value !== 'object' || value === null) return;
  yield { path, value };
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, [...path, key]);
}

function resolve(reference: string): unknown {
  let found: unknown = document;
  for (const key of reference.replace(/^#\//, '').split('/')) {
    found = typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined;
  }
  return found;
}

function operationOf(method: string, path: string): Record<string, unknown> {
  const operation: unknown = document.paths[openApiPath(path)]?.[method.toLowerCase()];
  if (typeof operation !== 'object' || operation === null) throw new Error(`no ${method} ${path}`);
  return { ...operation };
}

test('every reference leads somewhere', () => {
  const references = [...walk(document)].flatMap(({ value }) => ('$ref' in value ? [String(value.$ref)] : []));
  expect(references.length).toBeGreaterThan(100);
  for (const reference of references) expect(resolve(reference), reference).toBeTypeOf('object');
});

test('every named schema is used', () => {
  const references = new Set([...walk(document)].map(({ value }) => ('$ref' in value ? value.$ref : undefined)));
  for (const name of Object.keys(document.components['schemas'] ?? {})) {
    expect(references.has(`#/components/schemas/${name}`), name).toBe(true);
  }
});

test('every route is there with each of its replies and the status of each of its errors', () => {
  for (const [route, method] of ROUTES.flatMap((one) => methodsOf(one).map((each) => [one, each] as const))) {
    const operation = operationOf(method, route.path);
    expect(operation['operationId']).toMatch(new RegExp(`^${route.id}${route.method === 'ANY' ? '[A-Z][a-z]+' : ''}$`));
    expect(operation['x-error-codes']).toEqual(errorsOf(route));
    const statuses = Object.keys(Object(operation['responses']));
    expect(statuses).toEqual(expect.arrayContaining(Object.keys(route.replies)));
    if (route.access === 'token') expect(statuses).toEqual(expect.arrayContaining(['401', '429', '500', '503']));
  }
});

test('only public routes do without a token', () => {
  expect(document.security).toEqual([{ token: [] }]);
  for (const route of ROUTES) {
    expect(operationOf(methodsOf(route)[0] ?? '', route.path)['security']).toEqual(
      route.access === 'public' ? [] : undefined,
    );
  }
});

test('every parameter in a path is declared, once and required', () => {
  for (const route of ROUTES) {
    const declared = Object(operationOf(methodsOf(route)[0] ?? '', route.path)['parameters'] ?? []).filter(
      (parameter: { in: string }) => parameter.in === 'path',
    );
    const names = [...openApiPath(route.path).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(declared.map(({ name }: { name: string }) => name)).toEqual(names);
    for (const { required } of declared) expect(required).toBe(true);
  }
});

test('a body is required only when it must have a key', () => {
  expect(operationOf('POST', '/deployments/:deployment_id/inference')['requestBody']).toMatchObject({
    required: false,
  });
  expect(operationOf('POST', '/deployments')['requestBody']).toMatchObject({ required: true });
});

test('an error reply names its codes, has an example of each, and the header that comes with it', () => {
  const responses: unknown = operationOf('POST', '/deployments/:deployment_id/inference')['responses'];
  expect(responses).toMatchObject({
    401: { headers: { 'WWW-Authenticate': {} } },
    404: {
      description: expect.stringMatching(/10003 DeletedDeployment[\s\S]*404001 NotFound/),
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/Error' },
          examples: { NotFound: { $ref: '#/components/examples/NotFound' } },
        },
      },
    },
    429: { headers: { 'Retry-After': {} } },
  });
});

test('a HEAD reply has no body', () => {
  const operation = operationOf('HEAD', '/deployment_requests/:request_id/:kind/*');
  for (const { path } of walk(operation['responses'])) expect(path).not.toContain('content');
});

test('both versions are served, and routes outside them say so', () => {
  expect(document.servers).toMatchObject([
    { url: 'https://comfy.example.org/prod/{api_version}', variables: { api_version: { enum: ['v1', 'v2'] } } },
  ]);
  expect(document.paths['/healthz']).toMatchObject({ servers: [{ url: 'https://comfy.example.org' }] });
  expect(document.paths['/deployments']).not.toHaveProperty('servers');
});

test('without a public URL the addresses are relative', () => {
  const relative = createOpenApi({ version: '1.2.3' });
  expect(relative.servers[0]).toMatchObject({ url: '/prod/{api_version}' });
  expect(relative.paths['/healthz']).toMatchObject({ servers: [{ url: '/' }] });
});

test('the document is plain JSON without words of our own inside its schemas', () => {
  const text = JSON.stringify(document);
  expect(JSON.parse(text)).toEqual(document);
  expect(text.includes('x-pattern-says')).toBe(false);
  expect(text.includes('patternProperties')).toBe(false);
});

test('patterns use only what every regular expression engine knows', () => {
  const patterns = [...walk(document)].flatMap(({ value }) => ('pattern' in value ? [String(value.pattern)] : []));
  expect(patterns.length).toBeGreaterThan(0);
  for (const pattern of patterns) expect(pattern).not.toMatch(/\\[pu]/);
});

test('every call leaves the shared schemas as they are', () => {
  expect(createOpenApi({ version: '1.2.3', publicUrl: 'https://comfy.example.org/' })).toEqual(document);
});

test('a route of any method is an operation for each, with ids of their own', () => {
  const path = '/deployments/:deployment_id/instances/:instance_id/proxy/*';
  const ids = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map(
    (method) => operationOf(method, path)['operationId'],
  );
  expect(ids).toEqual(['Get', 'Head', 'Post', 'Put', 'Patch', 'Delete'].map((word) => `proxyInstance${word}`));
});

test('a key that a body may leave out may be null there, and no reply ever holds null', () => {
  const { schemas = {} } = document.components;
  expect(Object(schemas['TokenCreate'])['properties']).toMatchObject({
    name: { type: 'string' },
    scopes: { type: ['array', 'null'] },
    expires_at: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
    spending_limit_usd: { type: ['number', 'null'] },
  });
  expect(Object(schemas['AccountPatch'])['properties']['role']['enum']).toContain(null);
  expect(JSON.stringify(schemas['Token'])).not.toContain('null');
  expect(JSON.stringify(schemas['Deployment'])).not.toContain('null');
});

test('a query value may be empty, which counts as left out', () => {
  const list = Object(operationOf('GET', '/tokens')['parameters']);
  expect(list).toContainEqual(expect.objectContaining({ name: 'cursor', in: 'query', allowEmptyValue: true }));
});
