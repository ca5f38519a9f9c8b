// Every operation of the OpenAPI document under calls that fit its schemas and calls that do not: the reply's status, type
// and body must be what the document says, to the letter, and never a 5xx.
import { ANY_METHODS, API_VERSIONS, type HttpMethod, methodsOf, type RouteId, routeOf } from '@comfleet/api';
import type { JsonValue } from '@comfleet/comfyui';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CallOptions } from '../testing/caller.ts';
import { makeFitting, mutated, naughty, type Operation, operationOf } from '../testing/contract-schema.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { makeThings, paramsOf, pathOf, ROUTE_CALLS, ROUTE_IDS, type Things } from '../testing/route-calls.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const receiver = useWebhookReceiver();
const app = useTestApp(() => ({ env: { COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host } }));

/** Of each operation, each version and each token. Another seed or more runs find more: COMFLEET_FUZZ=<seed>:<runs>. */
const [seed = 1, numRuns = 8] = (process.env['COMFLEET_FUZZ'] ?? '').split(':').filter(Boolean).map(Number);

/** What passes through is the instance's answer, and has a round of its own. */
const routes = ROUTE_IDS.filter((id) => id !== 'proxyInstance');
const operations = routes.flatMap((id) => methodsOf(routeOf(id)).map((method) => [method, id] as const));

let kept: Things;
let spare: Things;
let tokens: readonly string[];
beforeAll(async () => {
  const member = await app().addAccount();
  const make = async (token: string) => await makeThings(app(), { token, mark: 'fuzz', webhook: receiver().url('/') });
  [kept, spare] = [await make(ADMIN_TOKEN), await make(ADMIN_TOKEN)];
  const other = (await app().call('/account', { token: await app().addAccount() })).body;
  // Administrators' routes meet an account that nobody calls with.
  kept = { ...kept, account_id: String(other['id']) };
  tokens = [ADMIN_TOKEN, member];
}, 60_000);

/** They take away what they are given, so they get what no other operation needs. */
const DESTRUCTIVE = new Set<RouteId>([
  'deleteDeployment',
  'deleteWorkflow',
  'deleteVersion',
  'revokeToken',
  'changeDeployment',
]);

describe.each(API_VERSIONS)('%s', (version) => {
  it.each(operations)('%s %s answers as the document says', async (method, id) => {
    const operation = operationOf(id, method);
    const calls = callOf(id, method, operation);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...tokens), calls, async (token, { path, ...options }) => {
        const reply = await app().call(path, { ...options, version, token });
        const contentType = reply.headers.get('content-type');
        const problems = operation.judge({ status: reply.status, contentType, text: reply.text });
        expect(problems, `${reply.status} ${reply.text.slice(0, 500)}`).toEqual([]);
        expect(reply.status).toBeLessThan(500);
      }),
      { seed, numRuns },
    );
  });
});

describe("the way through to an instance answers with the document's errors, or as the instance does", () => {
  const paths = fc.oneof(
    fc.constantFrom('prompt', 'queue', 'history', 'view', 'system_stats', 'upload/image', 'userdata', 'free', 'ws'),
    fc.string({ minLength: 1, maxLength: 12 }).map(encodeURIComponent).filter(isSegment),
    fc.constantFrom('api/prompt', '%2e%2e/queue', 'view?filename=..%2fa', 'history/1', 'a//b', '%00', 'internal/logs'),
  );
  it.each(ANY_METHODS)('%s', async (method) => {
    const { judge } = operationOf('proxyInstance', method);
    const bodies = method === 'GET' || method === 'HEAD' ? fc.constant(undefined) : fc.oneof(naughty, mutated({}));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...tokens), paths, bodies, async (token, path, body) => {
        const start = `/deployments/${kept.deployment_id}/instances/${kept.instance_id}/proxy/`;
        const sent = body === undefined ? {} : { body: JSON.stringify(body) };
        const reply = await app().call(start + path, { method, token, ...sent });
        const isOurs = reply.text.includes('"error_code"');
        const contentType = reply.headers.get('content-type');
        expect(isOurs ? judge({ status: reply.status, contentType, text: reply.text }) : []).toEqual([]);
        expect(reply.status, reply.text.slice(0, 500)).toBeLessThan(500);
      }),
      { seed, numRuns: numRuns * 4 },
    );
  });
});

it('the judge sees what is not in the document', () => {
  const { judge } = operationOf('listTokens', 'GET');
  const reply = { status: 200, contentType: 'application/json; charset=utf-8', text: '{"data":[]}' };
  expect(judge(reply)).toEqual([]);
  for (const wrong of [
    { ...reply, status: 418 },
    { ...reply, contentType: 'text/html' },
    { ...reply, text: '{}' },
    { ...reply, text: '{"data":[],"more":1}' },
    { ...reply, text: '{"data":[{"id":"1"}]}' },
    { ...reply, text: '{"data":[],"next_cursor":null}' },
    { ...reply, status: 404, text: '{"error":"NotFound"}' },
  ]) {
    expect(judge(wrong), JSON.stringify(wrong)).not.toEqual([]);
  }
});

type FuzzedCall = CallOptions & { readonly path: string };

function callOf(id: RouteId, method: HttpMethod, operation: Operation): fc.Arbitrary<FuzzedCall> {
  return fc
    .tuple(thingsOf(id), queryOf(operation), headersOf(operation), bodyOf(id, operation))
    .map(([things, query, headers, body]) => ({
      path: `${pathOf(id, things)}${query}`,
      method,
      headers,
      ...(body === undefined ? {} : { body: body as JsonValue }),
    }));
}

/** Mostly what there is, now and then what is not. */
function thingsOf(id: RouteId): fc.Arbitrary<Record<string, string>> {
  const real = DESTRUCTIVE.has(id) ? spare : kept;
  const strange = fc.oneof(
    fc.uuid(),
    fc.string({ minLength: 1, maxLength: 10 }).map(encodeURIComponent).filter(isSegment),
  );
  const values = paramsOf(id).map((param) => {
    const good = fc.constant(real[param]);
    return [param, fc.oneof({ arbitrary: good, weight: 6 }, { arbitrary: strange, weight: 1 })] as const;
  });
  return fc.record(Object.fromEntries(values)).map((changed) => ({ ...real, ...changed }));
}

/** `.` and `..` are taken out of a path before it is sent. */
function isSegment(text: string): boolean {
  return !/^\.{1,2}$/.test(text);
}

function queryOf({ parameters }: Operation): fc.Arbitrary<string> {
  const named = parameters.filter((parameter) => parameter.in === 'query');
  const values = named.map(({ name, schema }) => [name, fc.oneof(makeFitting(schema), naughty)] as const);
  return fc.record(Object.fromEntries(values), { requiredKeys: [] }).map((query) => {
    const pairs = Object.entries(query).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${name}=${toQuery(one)}`),
    );
    return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  });
}

function toQuery(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return encodeURIComponent(Buffer.from(text).toString());
}

function headersOf({ parameters }: Operation): fc.Arbitrary<Record<string, string>> {
  const named = parameters.filter((parameter) => parameter.in === 'header' && parameter.name !== 'Prefer');
  const text = fc.string({ minLength: 1, maxLength: 20 }).map((value) => value.trim());
  const each = named.map(({ name }) =>
    fc.option(text).map((value) => (value === null ? [] : [[name, value] as const])),
  );
  return fc.tuple(...each).map((pairs) => Object.fromEntries(pairs.flat()));
}

function bodyOf(id: RouteId, { body }: Operation): fc.Arbitrary<unknown> {
  if (body === undefined) return fc.constant(undefined);
  const usual = ROUTE_CALLS[id].body?.(kept) ?? {};
  const fitting = makeFitting(body);
  return fc.oneof(
    fc.constant(usual),
    mutated(usual),
    fitting,
    fitting.map((value) => ({ ...usual, ...Object(value) })),
    fitting.chain(mutated),
    fc.constant('{"name": '),
  );
}
