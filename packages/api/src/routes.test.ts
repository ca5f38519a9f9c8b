import { expect, test } from 'vitest';
import { ERRORS } from './errors.ts';
import { errorsOf } from './route.ts';
import { ROUTES, routeOf } from './routes.ts';

test('no two routes share an id, or a method and path', () => {
  expect(new Set(ROUTES.map(({ id }) => id)).size).toBe(ROUTES.length);
  expect(new Set(ROUTES.map(({ base, method, path }) => `${base} ${method} ${path}`)).size).toBe(ROUTES.length);
});

test('paths have no trailing slash, and name their parameters in full', () => {
  for (const { path } of ROUTES) {
    expect(path).toMatch(/^\/[^\s]*[^/]$/);
    expect(path).not.toMatch(/:(d|r|w|v|id)\b/);
  }
});

test('every route of the original API is in the table', () => {
  const versioned = ROUTES.filter(({ base }) => base === 'versioned').map(({ method, path }) => `${method} ${path}`);
  expect(versioned).toEqual(
    expect.arrayContaining([
      'POST /deployments/:deployment_id/inference',
      'GET /deployments/:deployment_id/requests/:request_id/status',
      'GET /deployments/:deployment_id/requests/:request_id/result',
      'POST /deployments/:deployment_id/requests/:request_id/cancel',
      'GET /deployments',
      'POST /deployments',
      'GET /deployments/:deployment_id',
      'PATCH /deployments/:deployment_id',
      'DELETE /deployments/:deployment_id',
    ]),
  );
});

test('every versioned route needs a token, and every route below a deployment can say that it was deleted', () => {
  for (const route of ROUTES) {
    if (route.base === 'versioned') expect(errorsOf(route)).toContain(401001);
    if (route.path.includes(':deployment_id')) expect(errorsOf(route)).toEqual(expect.arrayContaining([404001, 10003]));
    if (route.access === 'public') expect(errorsOf(route)).not.toContain(401001);
  }
});

test('a route answers only with codes that are HTTP errors', () => {
  for (const route of ROUTES) for (const code of errorsOf(route)) expect(ERRORS[code].reportedIn).toContain('body');
});

test('a route with a body can refuse it', () => {
  for (const route of ROUTES) {
    if (route.body !== undefined) expect(errorsOf(route)).toEqual(expect.arrayContaining([413001, 422001]));
  }
});

test('a route is found by its id', () => {
  expect(routeOf('submitRequest').path).toBe('/deployments/:deployment_id/inference');
});
