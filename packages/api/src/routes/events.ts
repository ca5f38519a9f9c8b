// The route of the timeline.
import { EventListQuery, PageOfEvents } from '../events.ts';
import type { Route } from '../route.ts';

export const EVENT_ROUTES = [
  {
    id: 'listEvents',
    method: 'GET',
    path: '/events',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'account',
    summary: 'What was done and what happened',
    description:
      'One timeline, newest first: deployments, instances, edits with old and new values, tokens, and failed requests while these are kept. Instances of a pool that accounts share are shown to accounts that have a deployment, and to administrators.',
    query: EventListQuery,
    replies: { 200: { description: 'A page of events.', schema: PageOfEvents } },
    errors: [403003],
  },
] as const satisfies readonly Route[];
