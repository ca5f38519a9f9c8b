// Which of our routes a path is, for 405 and for a 404 that helps. Reads the route table of the contract.
import { API_VERSIONS, listNearest, methodsOf, ROUTES } from '@comfleet/api';

const PATTERNS = ROUTES.map((route) => {
  const body = route.path
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[a-z_]+/g, '[^/]+')
    .replace(/\*$/, '.*');
  const base = route.base === 'versioned' ? `/prod/(?:${API_VERSIONS.join('|')})` : '';
  return { methods: methodsOf(route), pattern: new RegExp(`^${base}${body}/?$`), path: route.path, base: route.base };
});

/** Methods that this path takes; empty when it is no route of ours. */
export function listMethods(path: string): string[] {
  const methods = new Set<string>();
  for (const known of PATTERNS) {
    if (!known.pattern.test(path)) continue;
    for (const method of known.methods) methods.add(method);
    if (known.methods.includes('GET')) methods.add('HEAD');
  }
  return [...methods];
}

export function describeUnknownRoute(path: string): string {
  const shown = path.slice(0, 200);
  if (/^\/(v1|v2)\//.test(path) && listMethods(`/prod${path}`).length > 0) {
    return `There is no route ${shown}: paths begin with /prod, so this one is /prod${shown}.`;
  }
  const versioned = path.replace(/^\/(prod\/)?/, '/prod/v2/');
  if (listMethods(versioned).length > 0) return `There is no route ${shown}: did you mean ${versioned.slice(0, 200)}?`;
  // Above all that is versioned: there is no path to compare yet.
  if (/^\/(prod(\/v[12])?\/?)?$/.test(path)) {
    return `There is no route ${shown}: the API begins at /prod/v1 and /prod/v2, for example /prod/v2/workflows; /openapi.json lists every route.`;
  }
  const nearest = listNearest(
    path.replace(/^\/prod\/v[12]/, ''),
    ROUTES.map((route) => route.path),
    1,
  )[0];
  return nearest === undefined
    ? `There is no route ${shown}.`
    : `There is no route ${shown}; the nearest is ${nearest}.`;
}
