// Finds the route of a request: exact paths, and patterns whose last parts are parameters. Built by http-server.ts.
import type { Exchange } from './exchange.ts';

export type Params = readonly string[];
export type Handler = (exchange: Exchange, params: Params) => void | Promise<void>;

export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** `/history/*` takes one more part; the star is passed decoded. */
  path: string;
  handler: Handler;
}

export type Found =
  | { kind: 'found'; handler: Handler; params: Params }
  | { kind: 'wrong-method'; allowed: string[] }
  | { kind: 'unknown' };

export function createRouter(routes: readonly Route[]): (method: string, path: string) => Found {
  const byPath = new Map<string, Map<string, Handler>>();
  for (const { path, method, handler } of routes) {
    const methods = byPath.get(path) ?? new Map<string, Handler>();
    methods.set(method, handler);
    byPath.set(path, methods);
  }

  return (method, path) => {
    const cut = path.lastIndexOf('/');
    const exact = byPath.get(path);
    const methods = exact ?? byPath.get(`${path.slice(0, cut)}/*`);
    if (!methods) return { kind: 'unknown' };
    // aiohttp answers HEAD wherever it answers GET.
    const handler = methods.get(method === 'HEAD' ? 'GET' : method);
    if (!handler) return { kind: 'wrong-method', allowed: allowedMethods(methods) };
    return { kind: 'found', handler, params: exact ? [] : [decode(path.slice(cut + 1))] };
  };
}

const allowedMethods = (methods: ReadonlyMap<string, Handler>) =>
  [...methods.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort();

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray percent sign stands for itself
  }
}
