// The text of docs/routes.md: for each route of the table where its contract, its handler, the functions it calls and
// its tests are. Read from the source, so it is true; a route without a handler or a test is an error.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { API_BASE, ROUTES } from '@comfleet/api';
import { callsOf, type Handler, readHandlers } from './read-handlers.ts';

const SERVER = 'packages/server/src';
const CONTRACT = 'packages/api/src/routes';
const TESTS = ['packages/server/test', 'packages/server/src', 'e2e'];

const read = (path: string) => readFileSync(path, 'utf8');
const list = (dir: string, ending: RegExp) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(dir, name))
    .sort();

/** `problems`: routes that nobody serves or tests, and tests that name a route that does not exist. */
export function routesPage(): { text: string; problems: string[] } {
  const handlers = new Map<string, Handler>();
  for (const path of [
    ...list(SERVER, /(^|\/)routes\.ts$/),
    `${SERVER}/http/health.ts`,
    ...list(`${SERVER}/http`, /\.ts$/),
  ]) {
    for (const [id, handler] of readHandlers(path, read(path))) handlers.set(id, handler);
  }
  const contracts = list(CONTRACT, /\.ts$/).map((path) => ({ path, text: read(path) }));
  const { testsOf, problems } = readTests();
  const rows = ROUTES.map((route) => {
    const contract = contracts.find(({ text }) => text.includes(`id: '${route.id}'`))?.path ?? '';
    const handler = handlers.get(route.id);
    const tests = testsOf.get(route.id) ?? [];
    if (handler === undefined) problems.push(`${route.id}: no routes.serve('${route.id}', …) found`);
    if (tests.length === 0) problems.push(`${route.id}: no test says "// routes: ${route.id}"`);
    const path = `${route.base === 'versioned' ? `${API_BASE}/v1\\|v2` : ''}${route.path}`;
    const calls = handler === undefined ? [] : callsOf(handler).slice(0, 3);
    return `| \`${route.method} ${path}\` | ${link(contract, route.id)} | ${handler ? link(handler.path) : ''} | ${calls
      .map(({ name, path: file }) => link(file, name))
      .join(', ')} | ${tests.map((test) => link(test)).join(', ')} |`;
  });
  return { text: [...HEAD, ...rows, ''].join('\n'), problems };
}

const HEAD = [
  '# Routes',
  '',
  'Where each route is: its contract, its handler, the functions that do the work, its tests. Written by `npm run generate` from the source; do not edit. A test says which routes it covers in a comment: `// routes: submitRequest, cancelRequest`.',
  '',
  '| route | contract | handler | what it calls | tests |',
  '|---|---|---|---|---|',
];

function link(path: string, name?: string): string {
  if (path === '') return '';
  const short = path.replace(/^packages\//, '').replace('/src/', '/');
  return `[${name ?? short.replace(/^server\//, '')}](${relative('docs', path)})`;
}

function readTests() {
  const testsOf = new Map<string, string[]>();
  const problems: string[] = [];
  const known = new Set<string>(ROUTES.map(({ id }) => id));
  for (const path of TESTS.flatMap((dir) => list(dir, /\.test\.ts$/))) {
    for (const [, ids = ''] of read(path).matchAll(/^\/\/ routes: (.*)$/gm)) {
      for (const id of ids.split(/,\s*/)) {
        if (known.has(id)) testsOf.set(id, [...(testsOf.get(id) ?? []), path]);
        else problems.push(`${path} names the route ${id}, which does not exist (${dirname(path)})`);
      }
    }
  }
  return { testsOf, problems };
}
