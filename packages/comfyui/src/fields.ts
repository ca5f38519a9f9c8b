// Reads single fields out of JSON that a foreign server wrote: every reader gives undefined for what is not there
// or has another type, and none throws. Used by all decoders of this package's client half.
import { isJsonObject, type JsonObject, type JsonValue, LosslessNumber, parseJson } from './json.ts';
import { holdsMoreValues } from './json-scan.ts';

/** A hostile server's millions of small values would hold up everything else for seconds. */
const MAX_VALUES = 500_000;
const LARGE_CHARS = 1024 * 1024;

/** An own property only: a key such as `__proto__` or `constructor` never reaches the prototype. */
export function readField(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function readObject(value: JsonValue | undefined, key: string): JsonObject | undefined {
  const field = readField(value, key);
  return isJsonObject(field) ? field : undefined;
}

export function readArray(value: JsonValue | undefined, key: string): JsonValue[] | undefined {
  const field = readField(value, key);
  return Array.isArray(field) ? field : undefined;
}

export function readString(value: JsonValue | undefined, key: string): string | undefined {
  const field = readField(value, key);
  return typeof field === 'string' ? field : undefined;
}

export function readBoolean(value: JsonValue | undefined, key: string): boolean | undefined {
  const field = readField(value, key);
  return typeof field === 'boolean' ? field : undefined;
}

/** A finite number in whichever form the codec kept it; NaN and Infinity count as absent. */
export function toNumber(value: JsonValue | undefined): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint' && !(value instanceof LosslessNumber)) return undefined;
  const number = Number(value instanceof LosslessNumber ? value.valueOf() : value);
  return Number.isFinite(number) ? number : undefined;
}

export function readNumber(value: JsonValue | undefined, key: string): number | undefined {
  return toNumber(readField(value, key));
}

/** A count of something (bytes, queue items): negative or fractional values are lies and count as absent. */
export function readCount(value: JsonValue | undefined, key: string): number | undefined {
  const number = readNumber(value, key);
  return number !== undefined && number >= 0 && Number.isInteger(number) ? number : undefined;
}

/** Node ids are strings, but custom code also sends them as numbers. */
export function toId(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  const number = toNumber(value);
  return number === undefined ? undefined : String(number);
}

export function readId(value: JsonValue | undefined, key: string): string | undefined {
  return toId(readField(value, key));
}

export function readIds(value: JsonValue | undefined, key: string): string[] {
  return (readArray(value, key) ?? []).map(toId).filter((id) => id !== undefined);
}

/** Exact and tolerant of python's NaN; undefined when the text is not JSON (also when nested too deeply to read). */
export function tryParseJson(text: string): JsonValue | undefined {
  if (text.length > LARGE_CHARS && holdsMoreValues(text, MAX_VALUES)) return undefined;
  try {
    return parseJson(text);
  } catch {
    // Not JSON is an ordinary answer of a foreign server; the caller says so with the name of the call.
    return undefined;
  }
}

const LONGEST_FAST_CHARS = 262_144;

/** For answers whose numbers nobody passes on: the engine's own parser, the exact one only when that fails (NaN). */
export function tryParseFast(text: string): JsonValue | undefined {
  // The exact parser also bounds the nesting, which for a long hostile text is worth its time.
  if (text.length > LONGEST_FAST_CHARS) return tryParseJson(text);
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return tryParseJson(text);
  }
}
