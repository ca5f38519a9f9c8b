// Which of our routes a path is, for 405 and for a 404 that helps. Reads the route table of the contract.
import { API_VERSIONS, listNearest, methodsOf, ROUTES, type RouteId } from '@comfleet/api';

/** Routes of the root that a client which knows only its base URL also finds below it; a load balancer looks at the root. */
export const ALSO_VERSIONED: ReadonlySet<RouteId> = new Set(['getLiveness', 'getReadiness', 'getOpenApi', 'getDocs']);

const PATTERNS = ROUTES.map((route) => {
  const body = route.path
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[a-z_]+/g, '[^/]+')
    .replace(/\*$/, '.*');
  const versioned = `/prod/(?:${API_VERSIONS.join('|')})`;
  const base = route.base === 'versioned' ? versioned : ALSO_VERSIONED.has(route.id) ? `(?:${versioned})?` : '';
  return { methods: methodsOf(route), pattern: new RegExp(`^${base}${body}/?$`), path: route.path, base: route.base };
});

/** Methods that this path takes; empty when it is no route of ours. */
export function listMethods(path: string): string[] {
  const methods = new Set<string>();
  for (const known of PATTERNS) {
    if (!known.pattern.test(path)) continue;
    for (const method of known.methods) {
      methods.add(method);
      if (method === 'GET') methods.add('HEAD');
    }
  }
  return [...methods];
}

const SHOWN_CHARACTERS = 200;

export function describeUnknownRoute(path: string): string {
  const shown = path.slice(0, SHOWN_CHARACTERS);
  // Above all that is versioned: there is no path to compare yet.
  if (/^\/(prod(\/v[12])?\/?)?$/.test(path)) {
    return `There is no route ${shown}: the API begins at /prod/v1 and /prod/v2, for example /prod/v2/workflows; /openapi.json lists every route.`;
  }
  const { isBelowProd, version, rest } = takeApart(path);
  const known = API_VERSIONS.find((each) => each === version);
  const right = findRight(rest, `/prod/${known ?? 'v2'}`);
  if (right === undefined) return `There is no route ${shown}; /openapi.json lists every route.`;
  const faults = [
    ...(right.startsWith('/prod') && !isBelowProd ? ['paths begin with /prod'] : []),
    ...(right.startsWith('/prod') && version === undefined ? ['the version v1 or v2 is missing'] : []),
    ...(version !== undefined && known === undefined
      ? [`there is no version ${version.slice(0, 20)}, only v1 and v2`]
      : []),
  ];
  const reason = faults.length > 0 ? `${faults.join(' and ')}; ` : '';
  return `There is no route ${shown}: ${reason}did you mean ${right.slice(0, SHOWN_CHARACTERS)}?`;
}

function takeApart(path: string) {
  const found = /^(\/+prod(?=\/))?(?:\/+(v\d[^/]*)(?=\/))?(\/.*)$/i.exec(path);
  return { isBelowProd: found?.[1] !== undefined, version: found?.[2]?.toLowerCase(), rest: found?.[3] ?? path };
}

/** The route that the rest of a path means, with the path's own ids in it. */
function findRight(rest: string, base: string): string | undefined {
  for (const candidate of [base + rest, rest]) if (listMethods(candidate).length > 0) return candidate;
  const segments = rest.split('/').filter((segment) => segment !== '');
  let best: { path: string; distance: number } | undefined;
  for (const route of PATTERNS) {
    const filled = fillIn(segments, route.path.split('/').slice(1));
    if (filled === undefined || (best !== undefined && best.distance <= filled.distance)) continue;
    best = { path: (route.base === 'versioned' ? base : '') + filled.path, distance: filled.distance };
  }
  if (best !== undefined) return best.path;
  const paths = PATTERNS.map(({ path }) => path);
  const nearest = listNearest(rest, paths, 1)[0];
  const isVersioned = PATTERNS.some(({ path, base: at }) => path === nearest && at === 'versioned');
  return nearest === undefined ? undefined : (isVersioned ? base : '') + nearest;
}

/** Words of other APIs, and what they may mean here. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  inference: 'infer run runs predict prompt submit invoke generate runsync inferences',
  requests: 'request prediction predictions job jobs run runs',
  result: 'results output outputs',
  status: 'state progress',
  'openapi.json': 'openapi swagger.json openapi.yaml',
  healthz: 'health livez ping',
  readyz: 'ready',
};
const MEANS = new Set(
  Object.entries(OTHER_WORDS).flatMap(([part, words]) => words.split(' ').map((word) => `${word} ${part}`)),
);

function fillIn(segments: readonly string[], template: readonly string[]) {
  if (segments.length !== template.length) return undefined;
  let distance = 0;
  const path: string[] = [];
  for (const [index, part] of template.entries()) {
    const segment = segments[index] ?? '';
    if (part.startsWith(':')) path.push(segment);
    else {
      const cost = costOf(segment.toLowerCase(), part);
      if (cost === undefined) return undefined;
      distance += cost;
      path.push(part);
    }
  }
  return { path: `/${path.join('/')}`, distance };
}

function costOf(segment: string, part: string): number | undefined {
  if (segment === part) return 0;
  if (MEANS.has(`${segment} ${part}`)) return 1;
  return listNearest(segment, [part], 1).length > 0 ? 2 : undefined;
}
