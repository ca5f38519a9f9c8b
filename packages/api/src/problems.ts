// One thing wrong with what a caller sent, as it appears in `detail` of a 422001. Made by check.ts, the body checks
// beside it and the graph validation.

export interface Problem {
  /** The path of the field, e.g. ["body", "overrides", "6", "inputs", "steps"]. */
  loc: (string | number)[];
  /** A sentence for a person: which field, what it has, what it may have. */
  msg: string;
  /** A stable word for a program. */
  type: string;
  /** What was there, shortened when it is long; left out when nothing was. */
  input?: unknown;
}

/** A value is echoed so that its sender recognises it, never so that a large body comes back whole. */
const ECHO_CHARACTERS = 200;

/** The value to put into a problem's `input`: itself when small, else the beginning of its text. */
export function echo(value: unknown): unknown {
  if (typeof value === 'string') return shorten(value);
  if (typeof value === 'bigint' || isNumberLiteral(value)) return exactNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  const text = toText(value, ECHO_CHARACTERS + 1);
  return text.length <= ECHO_CHARACTERS && isPlainData(value, 0) ? value : cut(text, ECHO_CHARACTERS);
}

/** A number that JSON carries without loss, else its digits as a string. */
function exactNumber(value: bigint | { readonly text: string }): number | string {
  const number = numberOf(value);
  const isExact = number !== undefined && Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER;
  return isExact ? number : shorten(typeof value === 'bigint' ? String(value) : value.text);
}

/** The value as a message quotes it: a string in quotes, a list or object in short JSON. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return `"${shorten(value, 80)}"`;
  return cut(toText(value, 81), 80);
}

/** A number that the JSON parser kept as text because a JavaScript number would lose its meaning (1.0, 1e3). */
export function isNumberLiteral(value: unknown): value is { readonly text: string } {
  if (typeof value !== 'object' || value === null || !('text' in value) || typeof value.text !== 'string') return false;
  // A caller's {"text": "1.0"} is plain data; the parser's literal is an instance of a class.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

/** The number that a JSON number, bigint or kept literal stands for; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return isNumberLiteral(value) ? Number(value.text) : undefined;
}

/** A JSON object: not a list, not null, not a kept number literal. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumberLiteral(value);
}

function shorten(text: string, limit = ECHO_CHARACTERS): string {
  return text.length <= limit ? text : `${cut(text, limit)} (${text.length} characters)`;
}

/** Never leaves half of a surrogate pair behind. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** JSON-like text of a value, given up once it is longer than the limit: a 60 MiB graph must not be written out. */
function toText(value: unknown, limit: number): string {
  if (limit <= 0) return '…';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, limit));
  if (typeof value !== 'object' || value === null) return String(value);
  if (isNumberLiteral(value)) return value.text;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  let text = open ?? '';
  // for…in and not Object.entries: the entries of a huge object are never all made.
  for (const key in value) {
    const name = Array.isArray(value) ? '' : `${toText(key, limit)}:`;
    text += `${text.length > 1 ? ',' : ''}${name}${toText(Reflect.get(value, key), limit - text.length)}`;
    if (text.length > limit) break;
  }
  return text + close;
}

/** Whether JSON.stringify writes the value as it stands (no bigint, no kept literal inside). Only asked of small values. */
function isPlainData(value: unknown, depth: number): boolean {
  if (typeof value === 'bigint' || isNumberLiteral(value)) return false;
  if (typeof value !== 'object' || value === null) return true;
  return depth < 20 && Object.values(value).every((item) => isPlainData(item, depth + 1));
}
