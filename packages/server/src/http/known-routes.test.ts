// What a 404 says to a caller who is near.
import { expect, it } from 'vitest';
import { describeUnknownRoute } from './known-routes.ts';

it.each(['/', '/prod', '/prod/', '/prod/v1', '/prod/v2/'])('%s alone is told where the API begins', (path) => {
  expect(describeUnknownRoute(path)).toMatch(/begins at \/prod\/v1 and \/prod\/v2.*\/openapi\.json/);
});

it.each([
  ['/v1/deployments', 'paths begin with /prod; did you mean /prod/v1/deployments?'],
  ['/deployments', 'paths begin with /prod and the version v1 or v2 is missing; did you mean /prod/v2/deployments?'],
  ['/prod/deployments', 'the version v1 or v2 is missing; did you mean /prod/v2/deployments?'],
  ['/prod/v3/deployments', 'there is no version v3, only v1 and v2; did you mean /prod/v2/deployments?'],
  ['/prod/v1/deployments/d/infer', 'did you mean /prod/v1/deployments/d/inference?'],
  ['/prod/v1/deployments/d/run', 'did you mean /prod/v1/deployments/d/inference?'],
  ['/v1/deployments/d/inference', 'did you mean /prod/v1/deployments/d/inference?'],
  ['/prod/v1/deployments/d/request/r/status', 'did you mean /prod/v1/deployments/d/requests/r/status?'],
  ['/prod/v2/deployments/d/jobs/r/results', 'did you mean /prod/v2/deployments/d/requests/r/result?'],
  ['/prod/v2/deploymentz', 'did you mean /prod/v2/deployments?'],
  ['/prod/v2/workflow', 'did you mean /prod/v2/workflows?'],
  ['/health', 'did you mean /healthz?'],
])('%s is told the whole right path', (path, hint) => {
  expect(describeUnknownRoute(path)).toContain(hint);
});

it.each(['/wp-login.php', '/prod/v2/nothing/at/all/here', '//', '/%zz'])('%s is like nothing here', (path) => {
  expect(describeUnknownRoute(path)).toContain('/openapi.json lists every route');
});
