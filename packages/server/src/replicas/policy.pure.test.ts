// Which calls go to the brain. A new route that is not named here is served by every replica.
import { ROUTES } from '@comfleet/api';
import { expect, test } from 'vitest';
import { isRepeatable, needsBrain, wayOf } from './policy.pure.ts';

test('what the brain knows or changes is asked there, the rest is served by every replica', () => {
  const ways = ROUTES.map(({ id }) => `${wayOf(id)} ${id}`).filter((way) => !way.startsWith('here '));
  expect(ways.sort()).toEqual([
    'brain cancelRequest',
    'brain changeDeployment',
    'brain createDeployment',
    'brain createWorkflow',
    'brain deleteDeployment',
    'brain getDeployment',
    'brain getInstance',
    'brain listDeployments',
    'brain listInstances',
    'brain preflightDeployment',
    'brain proxyInstance',
    'brain removeInstance',
    'brain saveVersion',
    'brain warmUpInstances',
    'live getRequest',
    'live getRequestResult',
    'live getRequestStatus',
    'stream getRequestEvents',
  ]);
  for (const id of ['submitRequest', 'getFile', 'listRequests', 'createToken', 'getReadiness'] as const) {
    expect(wayOf(id)).toBe('here');
  }
});

test('only what needs an instance has no answer without a brain', () => {
  expect(ROUTES.map(({ id }) => id).filter(needsBrain)).toEqual([
    'listInstances',
    'warmUpInstances',
    'getInstance',
    'removeInstance',
    'proxyInstance',
  ]);
});

test('what would be done twice is not sent twice', () => {
  expect(isRepeatable('createDeployment', 'POST')).toBe(false);
  expect(isRepeatable('cancelRequest', 'POST')).toBe(true);
  expect(isRepeatable('changeDeployment', 'PATCH')).toBe(true);
});
