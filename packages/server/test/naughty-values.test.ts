// Nasty texts in every path parameter, query parameter and field of a body that the route table knows, and the names of
// JavaScript's own machinery as keys: never a 5xx, always the shape of every error, and nothing is merged.
import { type ErrorCode, type RouteId, routeOf } from '@comfleet/api';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CallOptions, PICTURE, type Reply } from '../testing/caller.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';
import { makeThings, methodOf, paramsOf, pathOf, ROUTE_CALLS, ROUTE_IDS, type Things } from '../testing/route-calls.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const LONE_SURROGATE = '\ud800';

const NAUGHTY: readonly string[] = [
  '\u0000',
  'a\u0000b',
  '\u0001\u001b[31m\u007f\u009f',
  '\r\nSet-Cookie: a=b\r\n\r\n',
  LONE_SURROGATE,
  '\ufffe\uffff',
  '\u202eevil\u2066\u200b\ufeff',
  'Z\u0351\u036b\u0343\u036a\u0302',
  '👩‍👩‍👧‍👦🏳️‍🌈',
  'İıſK',
  'x'.repeat(5_000),
  "' or 1=1; drop table requests; --",
  '$1 :name %s %n {0} \\x27',
  '%00 %2e%2e%2f %zz %',
  '../../../../etc/passwd',
  '..\\..\\con.txt:stream',
  '/proc/self/environ',
  'file:///etc/passwd',
  `{{7*7}} \${7*7} <%= 7*7 %>`,
  '<script>alert(1)</script>',
  '$(reboot) `reboot` | reboot',
  '__proto__',
  'constructor',
  'toString',
  'null',
  '-0',
  '1e309',
  '99999999999999999999',
  '٣',
  ' ',
];

/** Each place gets a third of them, the next place the next third. */
function dealt(place: number): readonly string[] {
  return NAUGHTY.filter((_text, index) => (index + place) % 3 === 0);
}

const receiver = useWebhookReceiver();
const app = useTestApp(() => ({ env: { COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host } }));
let things: Things;
beforeAll(async () => {
  const made = await makeThings(app(), { token: ADMIN_TOKEN, mark: 'naughty', webhook: receiver().url('/') });
  // Administrators' routes meet an account that nobody calls with.
  const other = (await app().call('/account', { token: await app().addAccount() })).body;
  things = { ...made, account_id: String(other['id']) };
}, 60_000);

/** A path is bytes: a lone surrogate is written as a program with a bug writes it. */
const escapePath = (text: string) =>
  /^\.{1,2}$/.test(text) ? '%2e' : text === LONE_SURROGATE ? '%ED%A0%80' : encodeURIComponent(text);

function expectShape(reply: Reply, where: string): void {
  expect(reply.status, `${where}: ${reply.text.slice(0, 500)}`).toBeLessThan(500);
  if (reply.status < 400) return;
  if (reply.text !== '') expectError(reply, Number(reply.body['code']) as ErrorCode);
}

const AT_ONCE = 8;

async function callAll(calls: readonly { where: string; path: string; options: CallOptions }[]): Promise<void> {
  const left = calls.values();
  const work = async () => {
    for (const { where, path, options } of left) expectShape(await app().call(path, options), where);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** What passes through is the instance's answer. */
const routes = ROUTE_IDS.filter((id) => id !== 'proxyInstance');
const show = (text: string) => JSON.stringify(text.slice(0, 40));

it('in every parameter of every path', async () => {
  const calls = routes.flatMap((id) =>
    paramsOf(id).flatMap((param, place) =>
      dealt(place + id.length).map((text) => {
        const path = pathOf(id, { ...things, [param]: escapePath(text) });
        const body = ROUTE_CALLS[id].body?.(things);
        const options = { method: methodOf(id), ...(body === undefined ? {} : { body }) };
        return { where: `${id} ${param} ${show(text)}`, path, options };
      }),
    ),
  );
  expect(calls.length).toBeGreaterThan(300);
  await callAll(calls);
}, 60_000);

it('in every parameter of every query', async () => {
  const calls = routes.flatMap((id) =>
    namesOf(routeOf(id).query).flatMap((name, place) =>
      dealt(place + id.length).map((text) => {
        const path = `${pathOf(id, things)}?${name}=${escapePath(text)}&${escapePath(text)}=1`;
        const body = ROUTE_CALLS[id].body?.(things);
        const options = { method: methodOf(id), ...(body === undefined ? {} : { body }) };
        return { where: `${id} ?${name} ${show(text)}`, path, options };
      }),
    ),
  );
  expect(calls.length).toBeGreaterThan(100);
  await callAll(calls);
}, 60_000);

/** Those that take a body and leave what the others need. */
const withBody = routes.filter((id) => ROUTE_CALLS[id].body !== undefined && id !== 'changeDeployment');

describe('in a body', () => {
  it('in every field of every route, and as a name', async () => {
    const calls = withBody.flatMap((id) =>
      NAUGHTY.flatMap((text, index) => {
        const dealtHere = bodiesWith(id, text).filter((_body, place) => (index + place) % 3 === 0);
        return dealtHere.map((body) => callWith(id, body, show(text)));
      }),
    );
    expect(calls.length).toBeGreaterThan(300);
    await callAll(calls);
  }, 60_000);

  it('keys of prototypes are data: nothing is merged', async () => {
    const key = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":{"polluted":1}';
    const calls = withBody.flatMap((id) => textsWith(id, key).map((text) => callWith(id, text, text.slice(0, 200))));
    expect(calls.length).toBeGreaterThan(50);
    await callAll(calls);
    for (const value of [{}, [], () => undefined]) expect(Reflect.get(value, 'polluted')).toBeUndefined();
  }, 60_000);

  it('a label named like a prototype comes back as it was sent', async () => {
    const body = '{"metadata":{"__proto__":"a","constructor":"b"}}';
    const requestId = await app().submit(things.deployment_id, body);
    await app().untilEnded(things.deployment_id, requestId);
    const { text } = await app().call(`/deployments/${things.deployment_id}/requests/${requestId}`);
    expect(text).toContain('"metadata":{"__proto__":"a","constructor":"b"}');
  });
});

function callWith(id: RouteId, body: JsonValue, what: string) {
  return { where: `${id} ${what}`, path: pathOf(id, things), options: { method: methodOf(id), body } };
}

function namesOf(schema: object | undefined): string[] {
  const properties: unknown = schema !== undefined && 'properties' in schema ? schema.properties : {};
  return Object.keys(properties as object);
}

/** The usual body with the text in one field, for each; and in the nested places of graphs. */
function bodiesWith(id: RouteId, text: string): JsonObject[] {
  const usual = ROUTE_CALLS[id].body?.(things) ?? {};
  const fields = [...new Set([...namesOf(routeOf(id).body), ...Object.keys(usual)])];
  const flat = fields.flatMap((field): JsonObject[] => [{ ...usual, [field]: text }]);
  return [...flat, { ...usual, [text]: text }, ...NESTED.filter(([of]) => of === id).map(([, make]) => make(text))];
}

const NESTED: readonly [RouteId, (text: string) => JsonObject][] = [
  ['submitRequest', (text) => ({ overrides: { [text]: { inputs: { width: 1 } } } })],
  ['submitRequest', (text) => ({ overrides: { '1': { inputs: { width: text, [text]: 1 } } } })],
  ['submitRequest', (text) => ({ overrides: { '2': { inputs: { filename_prefix: text } } } })],
  ['submitRequest', (text) => ({ metadata: { label: text } })],
  ['submitRequest', (text) => ({ metadata: { [text]: 'label' } })],
  ['submitRequest', (text) => ({ extra_data: { [text]: [text, { [text]: text }] } })],
  ['submitRequest', (text) => ({ parameters: { [text]: text } })],
  ['submitRequest', (text) => ({ webhook: `https://example.org/${text}` })],
  ['submitRequest', (text) => ({ workflow_api_json: { ...PICTURE, [text]: { class_type: text, inputs: {} } } })],
  [
    'saveVersion',
    (text) => ({ workflow_api_json: { ...PICTURE, [text]: { class_type: text, inputs: { [text]: text } } } }),
  ],
  ['saveVersion', (text) => ({ workflow_api_json: PICTURE, parameters: { [text]: { node: text, input: text } } })],
  [
    'saveVersion',
    (text) => ({ workflow_api_json: PICTURE, object_info: { [text]: { input: { required: { [text]: [text] } } } } }),
  ],
  [
    'saveVersion',
    (text) => ({ workflow_json: { nodes: [{ id: text, type: text, widgets_values: [text] }], links: [[text]] } }),
  ],
];

/** The JSON text of a body with the key in each of its objects, one at a time. */
function textsWith(id: RouteId, key: string): string[] {
  const usual = ROUTE_CALLS[id].body?.(things) ?? {};
  const nested = NESTED.filter(([of]) => of === id).map(([, make]) => make('1'));
  return [
    usual,
    ...nested,
    ...namesOf(routeOf(id).body).map((field): JsonObject => ({ ...usual, [field]: {} })),
  ].flatMap((body) => {
    const text = JSON.stringify(body);
    return [...text.matchAll(/\{/g)].map(({ index }) => {
      const isEmpty = text[index + 1] === '}';
      return `${text.slice(0, index + 1)}${key}${isEmpty ? '' : ','}${text.slice(index + 1)}`;
    });
  });
}
