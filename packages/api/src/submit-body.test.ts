import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberLiteral } from '../testing/number-literal.ts';
import { checkSubmitBody, checkSubmitQuery, webhookOf } from './submit-body.ts';

function first(body: unknown): string | undefined {
  return checkSubmitBody(body)[0]?.msg;
}

test('an empty body runs the saved graph', () => {
  expect(checkSubmitBody({})).toEqual([]);
});

test('a body with every known key is fine', () => {
  const body = {
    overrides: { '6': { inputs: { text: 'a', seed: 18446744073709551615n } }, '38:42': { inputs: {} } },
    workflow_api_json: { '6': { class_type: 'A', inputs: {} } },
    parameters: { prompt: 'a' },
    metadata: { 'customer.id_1-a': '4711 ü' },
    priority: 'low',
    start_within_seconds: 0.5,
    run_within_seconds: 60n,
    extra_data: { api_key_comfy_org: 'k' },
    webhook: 'https://example.com/hook?x=1',
    webhook_intermediate_status: true,
  };
  expect(checkSubmitBody(body)).toEqual([]);
  expect(checkSubmitBody({ ...body, unknown: 1 })).toEqual([]);
});

test('null stands for a key left out', () => {
  const keys = [
    'overrides',
    'workflow_api_json',
    'metadata',
    'priority',
    'run_within_seconds',
    'extra_data',
    'webhook',
  ];
  expect(checkSubmitBody(Object.fromEntries(keys.map((key) => [key, null])))).toEqual([]);
});

test.each([[[]], ['text'], [5], [true], [null], [new NumberLiteral('1.0')]])(
  'a body that is no object is refused as a whole (%#)',
  (body) => {
    expect(checkSubmitBody(body)).toMatchObject([{ loc: ['body'], type: 'wrong_type' }]);
  },
);

test.each([
  ['workflow', {}, 'workflow_api_json'],
  ['prompt', {}, 'workflow_api_json'],
  ['workflow_json', {}, 'workflow_api_json'],
  ['workflowApiJson', {}, 'workflow_api_json'],
  ['input', {}, 'overrides'],
  ['inputs', {}, 'overrides'],
  ['overides', {}, 'overrides'],
  ['params', {}, 'parameters'],
  ['webhook_url', 'x', 'webhook'],
  ['6', { class_type: 'KSampler', inputs: {} }, 'workflow_api_json'],
  ['6', { inputs: { text: 'a' } }, 'overrides'],
])('the only key %s is answered with the right one', (key, value, right) => {
  const problems = checkSubmitBody({ [key]: value });
  expect(problems).toMatchObject([{ loc: ['body', key], type: 'unknown_key' }]);
  expect(problems[0]?.msg).toContain(`the right key is "${right}"`);
});

test('a key nobody could mean is answered with the list of keys', () => {
  expect(first({ xyz: 1 })).toContain('use one of overrides, workflow_api_json, parameters');
});

test('an override without inputs shows how to write it', () => {
  expect(checkSubmitBody({ overrides: { '6': { text: 'a' }, '7': 5, '8': { inputs: [] } } })).toMatchObject([
    {
      loc: ['body', 'overrides', '6', 'inputs'],
      msg: 'overrides.6 has no "inputs": write {"6": {"inputs": {"name": value}}}.',
      type: 'missing',
    },
    { loc: ['body', 'overrides', '7'], type: 'wrong_type' },
    { loc: ['body', 'overrides', '8', 'inputs'], type: 'wrong_type' },
  ]);
});

test('a graph sent as a string of JSON is recognised', () => {
  expect(first({ workflow_api_json: '{"1": {}}' })).toContain('a string that holds JSON: send the object itself');
});

test('extra_data is secret even where it is wrong', () => {
  for (const extra of ['sk-secret', ['sk-secret'], '{"key": "sk-secret"}']) {
    expect(JSON.stringify(checkSubmitBody({ extra_data: extra }))).not.toContain('sk-secret');
    expect(checkSubmitBody({ extra_data: extra })).toHaveLength(1);
  }
});

test('labels are limited in number, name, length and characters', () => {
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, '']));
  expect(checkSubmitBody({ metadata: many })).toMatchObject([{ loc: ['body', 'metadata'], type: 'too_long' }]);
  const metadata = {
    'a b': 'x',
    '': 'x',
    ['k'.repeat(41)]: 'x',
    number: 1,
    long: 'é'.repeat(129),
    fits: 'é'.repeat(128),
    control: 'a\u0000b',
    line: 'a\nb',
    bidi: 'a\u202eb',
    half: 'a\ud800b',
  };
  expect(checkSubmitBody({ metadata }).map(({ loc, type }) => [loc[2], type])).toEqual([
    ['a b', 'bad_format'],
    ['', 'bad_format'],
    ['k'.repeat(41), 'bad_format'],
    ['number', 'wrong_type'],
    ['long', 'too_long'],
    ['control', 'bad_format'],
    ['line', 'bad_format'],
    ['bidi', 'bad_format'],
    ['half', 'bad_format'],
  ]);
});

test.each([['urgent'], [1n], [{}], [true]])('an unknown priority is refused (%#)', (priority) => {
  expect(checkSubmitBody({ priority })).toMatchObject([{ loc: ['body', 'priority'], type: 'value_not_in_list' }]);
});

test.each([
  [0],
  [-1],
  [new NumberLiteral('0.0')],
  [new NumberLiteral('NaN')],
  [new NumberLiteral('Infinity')],
  [Number.POSITIVE_INFINITY],
  [-5n],
  ['60'],
  [{}],
])('a deadline that is no number of seconds above 0 is refused (%#)', (seconds) => {
  for (const key of ['start_within_seconds', 'run_within_seconds']) {
    expect(checkSubmitBody({ [key]: seconds })).toMatchObject([{ loc: ['body', key] }]);
  }
});

test.each([
  ['ftp://example.com'],
  ['example.com/hook'],
  ['https://'],
  ['https://u:p@example.com'],
  [5],
  [['https://a.b']],
])('the webhook %s is refused', (webhook) => {
  expect(checkSubmitBody({ webhook })).toMatchObject([{ loc: ['body', 'webhook'], type: 'bad_format' }]);
  expect(checkSubmitQuery({ webhook })).toMatchObject([{ loc: ['query', 'webhook'], type: 'bad_format' }]);
});

test('a webhook may be http and have a port: whether its host is allowed is judged elsewhere', () => {
  expect(checkSubmitQuery({ webhook: 'http://127.0.0.1:9000/hook' })).toEqual([]);
});

test('the query wins over the body, key by key, and an empty one counts as left out', () => {
  const body = { webhook: 'https://body.example', webhook_intermediate_status: true };
  expect(webhookOf({ webhook: 'https://query.example' }, body)).toEqual({
    url: 'https://query.example',
    isIntermediate: true,
  });
  expect(webhookOf({ webhook: '', webhook_intermediate_status: 'False' }, body)).toEqual({
    url: 'https://body.example',
    isIntermediate: false,
  });
  expect(webhookOf({}, {})).toEqual({ isIntermediate: false });
});

test('the intermediate flag must read as true or false', () => {
  expect(checkSubmitQuery({ webhook_intermediate_status: 'perhaps' })).toMatchObject([
    { loc: ['query', 'webhook_intermediate_status'], type: 'wrong_type' },
  ]);
  expect(checkSubmitQuery({ webhook_intermediate_status: 'True' })).toEqual([]);
});

test('all problems of all keys come at once', () => {
  const body = { overrides: [], metadata: 1, priority: 'x', run_within_seconds: 0, webhook: 'x', extra_data: 'x' };
  expect(checkSubmitBody(body).map(({ loc }) => loc[1])).toEqual([
    'overrides',
    'extra_data',
    'metadata',
    'priority',
    'run_within_seconds',
    'webhook',
  ]);
});

test('whatever the body, the check ends, with problems that are JSON', () => {
  const keys = fc.constantFrom('overrides', 'metadata', 'priority', 'webhook', 'extra_data', 'run_within_seconds', 'x');
  const values = fc.anything({ withBigInt: true, withNullPrototype: true });
  fc.assert(
    fc.property(fc.dictionary(keys, values), (body) => {
      expect(() => JSON.stringify(checkSubmitBody(body))).not.toThrow();
    }),
  );
});
