// Reads the fields of an object of the configuration that says how a provider makes instances, and lists what is wrong
// with each. Pure; used by the *-settings.pure.ts of the providers.
import { listNearest } from '@comfleet/api';

export interface FieldRule {
  readonly fits: (text: string) => boolean;
  readonly expected: string;
}

interface Place {
  /** The path to the object, as an operator would write it. */
  readonly where: string;
  readonly keys: readonly string[];
  /** In words, for what is no object. */
  readonly expected: string;
  readonly problems: string[];
}

export interface FieldReader {
  has(key: string): boolean;
  /** As it stands there, for what may be of several kinds. */
  value(key: string): unknown;
  problem(key: string, what: string): void;
  text(key: string, rule: FieldRule): string | undefined;
  flag(key: string): boolean | undefined;
  whole(key: string, range: { min: number; max: number }): number | undefined;
  choice<T extends string>(key: string, options: readonly T[]): T | undefined;
  list(key: string, rule: FieldRule): string[] | undefined;
  map(key: string, names: FieldRule, rule: FieldRule): Record<string, string>;
  /** The names and values of an object whose values are of several kinds. */
  entries(key: string, names: FieldRule): [string, unknown][];
  objects(key: string, keys: readonly string[]): FieldReader[];
  /** Of an object inside of this one, at the path `key`. */
  within(value: unknown, key: string, keys: readonly string[], expected: string): FieldReader | undefined;
}

/** Undefined for what is no object; unknown keys are problems. */
export function createFieldReader(value: unknown, place: Place): FieldReader | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    place.problems.push(`${place.where}: ${show(value)}: expected ${place.expected}`);
    return undefined;
  }
  const values = new Map<string, unknown>(Object.entries(value));
  for (const key of values.keys()) {
    if (place.keys.includes(key)) continue;
    const [near] = listNearest(key, place.keys, 1);
    const tip = near === undefined ? '' : ` (did you mean "${near}"?)`;
    place.problems.push(`${place.where}: unknown key "${key}"${tip}; known: ${place.keys.join(', ')}`);
  }
  return createReader(values, place);
}

function createReader(values: ReadonlyMap<string, unknown>, { where, problems }: Place): FieldReader {
  const problem = (key: string, what: string) => void problems.push(`${where}.${key}: ${what}`);
  function refuse(key: string, value: unknown, expected: string): undefined {
    problem(key, `${show(value)}: expected ${expected}`);
  }
  /** What is there under the key, if it has the form; `undefined` where there is nothing. */
  function take<T>(key: string, expected: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = values.get(key);
    return value === undefined ? undefined : (read(value) ?? refuse(key, value, expected));
  }
  const fitting = (value: unknown, rule: FieldRule) =>
    typeof value === 'string' && rule.fits(value) ? value : undefined;
  function entries(key: string, rule: FieldRule): [string, unknown][] {
    const found = take(key, 'an object of names and values', (value) => (isObject(value) ? value : undefined));
    return Object.entries(found ?? {}).filter(([name]) => rule.fits(name) || refuse(key, name, rule.expected));
  }
  function within(value: unknown, key: string, keys: readonly string[], expected: string) {
    return createFieldReader(value, { where: `${where}.${key}`, keys, expected, problems });
  }
  return {
    has: (key: string) => values.get(key) !== undefined,
    value: (key: string) => values.get(key),
    problem,
    entries,
    within,
    text: (key: string, rule: FieldRule) => take(key, rule.expected, (value) => fitting(value, rule)),
    flag: (key: string) => take(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined)),
    whole: (key: string, { min, max }: { min: number; max: number }) =>
      take(key, `a whole number from ${min} to ${max}`, (value) =>
        typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
      ),
    choice: <T extends string>(key: string, options: readonly T[]) =>
      take(key, `one of ${options.join(', ')}`, (value) => options.find((option) => option === value)),
    list: (key: string, rule: FieldRule) =>
      take(key, `a list, each ${rule.expected}`, (value) =>
        Array.isArray(value) && value.every((entry) => fitting(entry, rule) !== undefined)
          ? value.map(String)
          : undefined,
      ),
    map(key: string, names: FieldRule, rule: FieldRule): Record<string, string> {
      const found = entries(key, names).map(([name, value]): [string, string] => {
        return [name, fitting(value, rule) ?? refuse(`${key}.${name}`, value, rule.expected) ?? ''];
      });
      return Object.fromEntries(found);
    },
    objects(key: string, keys: readonly string[]): FieldReader[] {
      const found = take(key, 'a list of objects', (value) => (Array.isArray(value) ? value : undefined)) ?? [];
      return found.flatMap(
        (value, index) => within(value, `${key}[${index}]`, keys, `an object such as {"${keys[0]}": …}`) ?? [],
      );
    },
  };
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200);
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** RFC 1123, as names of most objects are. */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((part) => LABEL.test(part));
}

export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && LABEL.test(text);
}

export function isLabelValue(text: string): boolean {
  return text.length <= 63 && LABEL_VALUE.test(text);
}

/** `name` or `prefix.example/name`; names of resources are the same. */
export function isLabelKey(text: string): boolean {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return parts.length <= 2 && name !== '' && isLabelValue(name) && (prefix === undefined || isDnsName(prefix));
}

export function isEnvName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text);
}

export function isQuantity(text: string): boolean {
  return /^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE]\d+)?$/.test(text);
}

export function isPath(text: string): boolean {
  return /^\/[^\0:]*$/.test(text) && !text.split('/').includes('..');
}

export function isText(text: string): boolean {
  return text !== '' && !text.includes('\0');
}
