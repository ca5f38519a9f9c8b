// Which calls a replica that is not the brain passes on to it, and which it serves itself. Called by forward-calls.ts.
import type { RouteId } from '@comfleet/api';

export type Way =
  /** Served here: what it needs is in the database and the storage. */
  | 'here'
  /** The brain's: it knows the instances, and what it changes must be so at once where requests are given out. */
  | 'brain'
  /** The brain's while the request lives; otherwise from the database. */
  | 'live'
  /** The same for a stream, which is kept open when the brain changes. */
  | 'stream';

const WAYS: Readonly<Partial<Record<RouteId, Way>>> = {
  getRequestStatus: 'live',
  getRequestResult: 'live',
  getRequest: 'live',
  getRequestEvents: 'stream',
  cancelRequest: 'brain',
  listInstances: 'brain',
  getInstance: 'brain',
  warmUpInstances: 'brain',
  removeInstance: 'brain',
  proxyInstance: 'brain',
  listDeployments: 'brain',
  createDeployment: 'brain',
  getDeployment: 'brain',
  changeDeployment: 'brain',
  deleteDeployment: 'brain',
  preflightDeployment: 'brain',
  // An instance is asked for its nodes.
  createWorkflow: 'brain',
  saveVersion: 'brain',
};

export function wayOf(id: RouteId): Way {
  return WAYS[id] ?? 'here';
}

const NEEDS_BRAIN: ReadonlySet<RouteId> = new Set([
  'listInstances',
  'getInstance',
  'warmUpInstances',
  'removeInstance',
  'proxyInstance',
]);

/** Nothing but the brain can answer; the others are answered from the database while there is none. */
export function needsBrain(id: RouteId): boolean {
  return NEEDS_BRAIN.has(id);
}

/** Twice is like once: when the brain goes away over it, the next one is asked. */
export function isRepeatable(id: RouteId, method: string): boolean {
  return method !== 'POST' || id === 'cancelRequest';
}
