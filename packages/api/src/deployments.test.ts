import { expect, test } from 'vitest';
import { NumberLiteral } from '../testing/number-literal.ts';
import { checkDeployment, DeploymentListQuery, readDeploymentCreate, readDeploymentPatch } from './deployments.ts';
import { readQuery } from './read.ts';

const REQUIRED = { name: 'portraits', workflow_id: 'w1', workflow_version: 'v1' };
const DEFAULTS = {
  min_instances: 0,
  max_instances: 1,
  queue_size: 1,
  keep_warm_duration_in_seconds: 60,
  share_instances: false,
};

function problemsOf(body: unknown, knownSkus?: string[]): [unknown, string][] {
  const result = readDeploymentCreate(body, knownSkus === undefined ? {} : { knownSkus });
  return result.kind === 'ok' ? [] : result.problems.map(({ loc, type }) => [loc[1], type]);
}

test('a new deployment has the defaults of the contract', () => {
  expect(readDeploymentCreate(REQUIRED)).toEqual({ kind: 'ok', value: { ...REQUIRED, ...DEFAULTS } });
});

test('hardware is a list of one SKU or the bare SKU', () => {
  const expected = { kind: 'ok', value: { ...REQUIRED, ...DEFAULTS, hardware: 'AMPERE_48' } };
  expect(readDeploymentCreate({ ...REQUIRED, hardware: ['AMPERE_48'] })).toEqual(expected);
  expect(readDeploymentCreate({ ...REQUIRED, hardware: 'AMPERE_48' })).toEqual(expected);
  for (const hardware of [[], ['A', 'B'], 5, [5], '', ['']]) {
    expect(problemsOf({ ...REQUIRED, hardware }).map(([key]) => key)).toEqual(['hardware']);
  }
});

test('a SKU the server does not have is refused with the nearest it has', () => {
  const result = readDeploymentCreate(
    { ...REQUIRED, hardware: ['AMPERE48'] },
    { knownSkus: ['AMPERE_48', 'TURING_16'] },
  );
  expect(result).toMatchObject({
    problems: [
      {
        loc: ['body', 'hardware'],
        msg: 'hardware "AMPERE48" is not a SKU of this server; it has AMPERE_48, TURING_16. Did you mean "AMPERE_48"?',
      },
    ],
  });
});

test('what is required is asked for, all of it at once', () => {
  expect(problemsOf({})).toEqual([
    ['name', 'missing'],
    ['workflow_id', 'missing'],
    ['workflow_version', 'missing'],
  ]);
});

test.each([
  ['', 'too_short'],
  ['x'.repeat(201), 'too_long'],
  ['a\u0000b', 'bad_format'],
  ['a\nb', 'bad_format'],
  ['a\u007fb', 'bad_format'],
  ['a\u0085b', 'bad_format'],
  ['a\ud800b', 'bad_format'],
  [5, 'wrong_type'],
])('the name %j is refused', (name, type) => {
  expect(problemsOf({ ...REQUIRED, name })).toEqual([['name', type]]);
});

test('a name of 200 characters is fine, whatever they are', () => {
  expect(problemsOf({ ...REQUIRED, name: '😀'.repeat(200) })).toEqual([]);
});

test.each([
  ['min_instances', -1],
  ['min_instances', 31],
  ['min_instances', 1.5],
  ['max_instances', 0],
  ['max_instances', 61],
  ['queue_size', -1],
  ['keep_warm_duration_in_seconds', -1],
  ['keep_warm_duration_in_seconds', '60'],
])('%s of %s is refused', (key, value) => {
  expect(problemsOf({ ...REQUIRED, [key]: value }).map(([field]) => field)).toEqual([key]);
});

test.each([
  ['min_instances', 0],
  ['max_instances', 60],
  ['queue_size', 0],
  ['keep_warm_duration_in_seconds', 0],
])('%s of %s is fine', (key, value) => {
  expect(problemsOf({ ...REQUIRED, [key]: value })).toEqual([]);
});

test('max_instances below min_instances is refused, the default of 1 too', () => {
  expect(problemsOf({ ...REQUIRED, min_instances: 3, max_instances: 2 })).toEqual([['max_instances', 'max_below_min']]);
  expect(problemsOf({ ...REQUIRED, min_instances: 3 })).toEqual([['max_instances', 'max_below_min']]);
  expect(problemsOf({ ...REQUIRED, min_instances: 2, max_instances: 2 })).toEqual([]);
});

test('problems across fields are told beside those of other fields, but not about a field that is wrong itself', () => {
  expect(problemsOf({ ...REQUIRED, name: '', min_instances: 3 })).toEqual([
    ['name', 'too_short'],
    ['max_instances', 'max_below_min'],
  ]);
  expect(problemsOf({ ...REQUIRED, min_instances: 31 })).toEqual([['min_instances', 'value_bigger_than_max']]);
  expect(problemsOf({ ...REQUIRED, min_instances: 3, max_instances: 'x' })).toEqual([['max_instances', 'wrong_type']]);
});

test('exact numbers are taken as numbers', () => {
  const body = { ...REQUIRED, max_instances: new NumberLiteral('2.0'), queue_size: 3n };
  expect(readDeploymentCreate(body)).toMatchObject({ value: { max_instances: 2, queue_size: 3 } });
});

test('an id, a version or a SKU with a character that no database holds is refused', () => {
  const body = { ...REQUIRED, workflow_id: 'a\u0000', workflow_version: 'a\u0000', hardware: 'a\u0000' };
  expect(problemsOf(body).map(([key]) => key)).toEqual(['workflow_id', 'workflow_version', 'hardware']);
});

test('a patch has only what was given', () => {
  expect(readDeploymentPatch({})).toEqual({ kind: 'ok', value: {} });
  expect(readDeploymentPatch({ is_enabled: false, hardware: ['T4'], other: 1 })).toEqual({
    kind: 'ok',
    value: { is_enabled: false, hardware: 'T4' },
  });
  expect(readDeploymentPatch({ is_enabled: 'no' })).toMatchObject({ problems: [{ loc: ['body', 'is_enabled'] }] });
});

test('of a patched record the field that was sent is at fault', () => {
  const patched = { min_instances: 3, max_instances: 2 };
  expect(checkDeployment(patched, { sent: ['min_instances'] })).toMatchObject([
    { loc: ['body', 'min_instances'], input: 3 },
  ]);
  expect(checkDeployment(patched, { sent: ['max_instances'] })).toMatchObject([
    { loc: ['body', 'max_instances'], input: 2 },
  ]);
  expect(checkDeployment({ min_instances: 0, max_instances: 1 })).toEqual([]);
});

test('ids and includes may be repeated in the query', () => {
  expect(readQuery(DeploymentListQuery, { ids: ['a', 'b'], includes: 'payload' })).toEqual({
    kind: 'ok',
    value: { ids: ['a', 'b'], includes: ['payload'] },
  });
  expect(readQuery(DeploymentListQuery, {})).toEqual({ kind: 'ok', value: { includes: [] } });
  expect(readQuery(DeploymentListQuery, { includes: ['payload', 'all'] })).toMatchObject({
    problems: [{ loc: ['query', 'includes', 1], type: 'value_not_in_list' }],
  });
});
