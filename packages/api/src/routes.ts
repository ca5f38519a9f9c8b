// The table of every route: the server registers what it lists, the OpenAPI document shows it, clients find paths here.
import type { Route } from './route.ts';
import { ACCOUNT_ROUTES } from './routes/account.ts';
import { ADMIN_ROUTES } from './routes/admin.ts';
import { BILLING_ROUTES } from './routes/billing.ts';
import { DEPLOYMENT_ROUTES } from './routes/deployments.ts';
import { EVENT_ROUTES } from './routes/events.ts';
import { INSTANCE_ROUTES } from './routes/instances.ts';
import { REQUEST_HISTORY_ROUTES } from './routes/request-history.ts';
import { REQUEST_ROUTES } from './routes/requests.ts';
import { SERVICE_ROUTES } from './routes/service.ts';
import { WEBHOOK_ROUTES } from './routes/webhooks.ts';
import { WORKFLOW_ROUTES } from './routes/workflows.ts';

const TABLE = [
  ...REQUEST_ROUTES,
  ...REQUEST_HISTORY_ROUTES,
  ...DEPLOYMENT_ROUTES,
  ...INSTANCE_ROUTES,
  ...WORKFLOW_ROUTES,
  ...WEBHOOK_ROUTES,
  ...ACCOUNT_ROUTES,
  ...ADMIN_ROUTES,
  ...BILLING_ROUTES,
  ...EVENT_ROUTES,
  ...SERVICE_ROUTES,
] as const;

export type RouteId = (typeof TABLE)[number]['id'];

export const ROUTES: readonly (Route & { readonly id: RouteId })[] = TABLE;

/** The route with this id. */
export function routeOf(id: RouteId): Route {
  const route = ROUTES.find((candidate) => candidate.id === id);
  if (route === undefined) throw new Error(`The route table has no ${id}.`);
  return route;
}
