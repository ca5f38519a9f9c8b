// The routes that look back at requests: the list, and everything about one.
import { PageOfRequests, RequestDetail, RequestListQuery } from '../request-history.ts';
import type { Route } from '../route.ts';

export const REQUEST_HISTORY_ROUTES = [
  {
    id: 'listRequests',
    method: 'GET',
    path: '/deployments/:deployment_id/requests',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'requests',
    summary: "A deployment's requests, newest first",
    description:
      'Besides the parameters below, `metadata.<label>=<value>` lists only the requests with that label; it may be given for several labels. ' +
      'One call looks through a bounded number of requests: where few of them fit, a page may be short or empty and still have a `next_cursor`.',
    query: RequestListQuery,
    replies: { 200: { description: 'A page.', schema: PageOfRequests } },
    errors: [403003, 404001, 10003],
  },
  {
    id: 'getRequest',
    method: 'GET',
    path: '/deployments/:deployment_id/requests/:request_id',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'requests',
    summary: 'Everything about a run',
    description: 'While it waits, while it runs and after it ended. `extra_data` is never shown.',
    replies: { 200: { description: 'What is known now.', schema: RequestDetail } },
    errors: [403003, 404001, 10003],
  },
] as const satisfies readonly Route[];
