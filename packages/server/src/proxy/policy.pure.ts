// Which calls go through to an instance: a table of method and normalised path, and what an operator changed in it.
// Pure; called by routes.ts for each proxied call, and by config.ts to check the setting.

/** How an open path is served: `pass` goes through as it is; the others show and take the caller's own only. */
export type ProxyKind = 'pass' | 'prompt' | 'queue' | 'history' | 'view' | 'upload' | 'interrupt' | 'free' | 'ws';

export interface Rule {
  readonly methods: readonly string[];
  /** `models` is that path; `models/*` any path below it. */
  readonly path: string;
  readonly kind: ProxyKind;
}

export interface Policy {
  readonly rules: readonly Rule[];
  readonly closed: readonly Rule[];
}

export type Verdict =
  | { kind: 'open'; serve: ProxyKind; path: string }
  | { kind: 'malformed'; reason: string }
  /** `methods`: those that this path is open for. */
  | { kind: 'closed'; path: string; methods: readonly string[] };

const READ = ['GET', 'HEAD'];

/** These reach other callers' work when they are passed as they are, so no setting passes them as they are. */
const GUARDED: readonly Rule[] = [
  { methods: ['POST'], path: 'prompt', kind: 'prompt' },
  { methods: ['GET'], path: 'queue', kind: 'queue' },
  { methods: ['GET'], path: 'history', kind: 'history' },
  { methods: ['GET'], path: 'history/*', kind: 'history' },
  { methods: READ, path: 'view', kind: 'view' },
  { methods: ['POST'], path: 'upload/image', kind: 'upload' },
  { methods: ['POST'], path: 'upload/mask', kind: 'upload' },
  { methods: ['POST'], path: 'interrupt', kind: 'interrupt' },
  { methods: ['POST'], path: 'free', kind: 'free' },
  { methods: ['GET'], path: 'ws', kind: 'ws' },
];

const PLAIN: readonly Rule[] = [
  'prompt',
  'object_info',
  'object_info/*',
  'system_stats',
  'features',
  'models',
  'models/*',
  'view_metadata/*',
  'embeddings',
].map((path) => ({ methods: READ, path, kind: 'pass' }));

export const DEFAULT_POLICY: Policy = { rules: [...GUARDED, ...PLAIN], closed: [] };

const MAX_PATH = 1_024;
/** A name as ComfyUI's routes and model folders have them. What is not here is refused and not guessed at. */
const SEGMENT = /^[\p{L}\p{N}\p{M}\p{S} _.,:;@()[\]{}!&'#-]+$/u;

/** `raw` is what follows `proxy/` in the URL as it came, without its query. */
export function judgeProxyPath(policy: Policy, method: string, raw: string): Verdict {
  const normal = normalisePath(raw);
  if (normal.kind === 'malformed') return normal;
  const { path } = normal;
  if (policy.closed.some((rule) => fits(rule, method, path))) return { kind: 'closed', path, methods: [] };
  const found = policy.rules.find((rule) => fits(rule, method, path));
  if (found) return { kind: 'open', serve: found.kind, path };
  const methods = policy.rules
    .filter((rule) => fits(rule, rule.methods[0] ?? '', path))
    .flatMap((rule) => rule.methods);
  return { kind: 'closed', path, methods: [...new Set(methods)] };
}

/** The path as the instance gets it: each segment decoded once and judged; anything that could be read twice is refused. */
export function normalisePath(raw: string): { kind: 'ok'; path: string } | { kind: 'malformed'; reason: string } {
  if (raw.length > MAX_PATH) return malformed('it is too long');
  const segments = raw
    .replace(/^api\//, '')
    .replace(/\/$/, '')
    .split('/');
  const decoded: string[] = [];
  for (const segment of segments) {
    const text = decode(segment);
    if (text === undefined) return malformed('it has malformed escapes');
    if (text === '') return malformed('it has an empty part');
    if (/^\.+ *$/.test(text)) return malformed('it has a relative part');
    if (!SEGMENT.test(text)) return malformed('it has characters that no path of ComfyUI has');
    decoded.push(text);
  }
  // After decoding: `%61pi/queue` is the instance's /api/queue as well.
  if (decoded[0] === 'api') return malformed('it begins with api/ twice, or with an escaped api/');
  return { kind: 'ok', path: decoded.join('/') };
}

/** Normalised → as it stands in a request line. */
export function encodePath(path: string): string {
  return `/${path.split('/').map(encodeURIComponent).join('/')}`;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function malformed(reason: string): { kind: 'malformed'; reason: string } {
  return { kind: 'malformed', reason };
}

function fits(rule: Rule, method: string, path: string): boolean {
  if (!rule.methods.includes(method) && !rule.methods.includes('*')) return false;
  if (rule.path === '*') return true;
  return rule.path.endsWith('/*') ? path.startsWith(rule.path.slice(0, -1)) : path === rule.path;
}

const ENTRY = /^(?<sign>[+-])(?<method>\*|[A-Z]+) (?<path>\S+)$/;

export function isPolicyEntry(entry: string): boolean {
  return entry === '*' || ENTRY.test(entry);
}

/** COMFLEET_PROXY_ALLOW: `*` opens everything; `+GET userdata/*` opens, `-POST free` closes. */
export function readPolicy(entries: readonly string[]): Policy {
  const rules = [...DEFAULT_POLICY.rules];
  const closed: Rule[] = [];
  for (const entry of entries) {
    const parts = ENTRY.exec(entry)?.groups ?? {};
    const { sign = '+', method = '*', path = '*' } = parts;
    const rule: Rule = { methods: [method], path: path.replace(/^\/?(api\/)?/, ''), kind: 'pass' };
    (sign === '+' ? rules : closed).push(rule);
  }
  return { rules, closed };
}
