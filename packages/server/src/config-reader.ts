// Reads single settings from the environment and comfleet.config.json, and collects what is wrong with them. Called by
// config.ts.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { listNearest } from '@comfleet/api';

type Env = Readonly<Record<string, string | undefined>>;

export interface ConfigFile {
  readonly values: Env;
  /** The SKU catalogue, as it stands there (hardware-catalogue.ts reads it). */
  readonly hardware: unknown;
  readonly problems: readonly string[];
}

/** `settings` are the keys it may have beside `hardware`: any other is a mistake that would go unnoticed. */
export function readConfigFile(cwd: string, settings: readonly string[]): ConfigFile {
  const path = join(cwd, 'comfleet.config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return { values: {}, hardware: undefined, problems: [] }; // no file is the usual case
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw new Error('it is no JSON object');
    const { hardware, ...others }: { hardware?: unknown } = parsed;
    const entries = Object.entries(others).map(([key, value]): [string, string] => [
      key,
      Array.isArray(value) ? value.join(',') : String(value),
    ]);
    return { values: Object.fromEntries(entries), hardware, problems: listUnknown(Object.keys(others), settings) };
  } catch (error) {
    const problems = [`comfleet.config.json cannot be read: ${(error as Error).message}`];
    return { values: {}, hardware: undefined, problems };
  }
}

function listUnknown(keys: readonly string[], settings: readonly string[]): string[] {
  const known = [...settings, 'hardware'];
  return keys
    .filter((key) => !known.includes(key))
    .map((key) => {
      const [near] = listNearest(key, known, 1);
      return `comfleet.config.json: unknown key "${key}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
    });
}

interface NumberRule {
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

export function createReader(env: Env, file: Pick<ConfigFile, 'values' | 'problems'>) {
  const problems = [...file.problems];
  const text = (name: string): string | undefined => {
    const value = env[name] ?? file.values[name];
    return value === undefined || value.trim() === '' ? undefined : value.trim();
  };
  const list = (name: string): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  return {
    problems,
    text,
    list,
    entries(name: string, fits: (entry: string) => boolean, what: string): string[] {
      const found = list(name);
      const bad = found.filter((entry) => !fits(entry));
      if (bad.length > 0) problems.push(`${name}: ${bad.join(', ')}: expected a comma list of ${what}`);
      return found;
    },
    number(name: string, fallback: number, rule: NumberRule): number {
      const raw = text(name);
      if (raw === undefined) return fallback;
      const value = Number(raw);
      const fits =
        Number.isFinite(value) &&
        value >= (rule.min ?? -Infinity) &&
        value <= (rule.max ?? Infinity) &&
        (!rule.whole || Number.isInteger(value));
      if (!fits) problems.push(`${name}=${raw}: expected ${describeNumber(rule)} (default ${fallback})`);
      return fits ? value : fallback;
    },
    choice<T extends string>(name: string, options: readonly T[]): T | undefined {
      const raw = text(name);
      if (raw === undefined) return undefined;
      const found = options.find((option) => option === raw);
      if (found === undefined) problems.push(`${name}=${raw}: expected one of ${options.join(', ')}`);
      return found;
    },
    matching(name: string, pattern: RegExp, what: string): string | undefined {
      const raw = text(name);
      if (raw !== undefined && !pattern.test(raw)) problems.push(`${name}: expected ${what}`);
      return raw;
    },
    url(name: string, schemes: readonly string[]): string | undefined {
      const raw = text(name);
      if (raw === undefined) return undefined;
      const fits = URL.canParse(raw) && schemes.includes(new URL(raw).protocol);
      // The value is not repeated: a database URL holds a password.
      if (!fits) problems.push(`${name}: expected a URL that begins with ${schemes.map((s) => `${s}//`).join(' or ')}`);
      return raw;
    },
  };
}

export function isAddressBlock(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

export function isHostPort(entry: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[^\s/:@[\]]+):\d{1,5}$/i.test(entry);
}

function describeNumber(rule: NumberRule): string {
  const kind = rule.whole ? 'a whole number' : 'a number';
  if (rule.min !== undefined && rule.max !== undefined) return `${kind} from ${rule.min} to ${rule.max}`;
  return rule.min === undefined ? kind : `${kind} of at least ${rule.min}`;
}
