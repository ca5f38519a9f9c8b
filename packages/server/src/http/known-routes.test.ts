// What a 404 says to a caller who is near.
import { expect, it } from 'vitest';
import { describeUnknownRoute } from './known-routes.ts';

it.each(['/', '/prod', '/prod/', '/prod/v1', '/prod/v2/'])('%s alone is told where the API begins', (path) => {
  expect(describeUnknownRoute(path)).toMatch(/begins at \/prod\/v1 and \/prod\/v2.*\/openapi\.json/);
});

it('a path without /prod, or without its version too, is told the whole path', () => {
  expect(describeUnknownRoute('/v1/deployments/d/inference')).toContain('/prod/v1/deployments/d/inference');
  expect(describeUnknownRoute('/deployments/d/inference')).toContain('/prod/v2/deployments/d/inference');
});
