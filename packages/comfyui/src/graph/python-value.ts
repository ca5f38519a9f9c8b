// ComfyUI's python conversions, comparisons and spellings, ported exactly: int(), float(), `==`, `<`, str() and repr().
// Used by the input checks; the results decide verdicts, so odd cases here are python's, not ours.

import { isJsonObject, type JsonValue, LosslessNumber } from '../json.ts';

export type Converted = { value: number | bigint } | { error: string };

// With any character beyond ASCII, python's int() and float() strip unicode's spaces too.
const ASCII_SPACE = /^[\t-\r ]+|[\t-\r ]+$/g;
const ANY_SPACE =
  /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is "ASCII"
const ASCII_ONLY = /^[\u0000-\u007f]*$/;
const INT_TEXT = /^[+-]?\d+(?:_\d+)*$/;
const FLOAT_TEXT = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const FLOAT_WORD = /^([+-]?)(?:(inf|infinity)|nan)$/i;
const MAX_INT_DIGITS = 4_300;

/** python's int(value). */
export function toInt(value: JsonValue): Converted {
  if (typeof value === 'boolean') return { value: value ? 1 : 0 };
  if (typeof value === 'number') return { value: Math.trunc(value) };
  if (typeof value === 'bigint') return { value };
  if (value instanceof LosslessNumber) return truncate(Number(value));
  if (typeof value === 'string') return readInt(value);
  return { error: `int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'` };
}

/** python's float(value); the value may be NaN or infinite. */
export function toFloat(value: JsonValue): Converted {
  if (typeof value === 'boolean') return { value: value ? 1 : 0 };
  if (typeof value === 'number') return { value };
  if (value instanceof LosslessNumber) return { value: Number(value) };
  if (typeof value === 'bigint') {
    const rounded = Number(value);
    return Number.isFinite(rounded) ? { value: rounded } : { error: 'int too large to convert to float' };
  }
  if (typeof value === 'string') return readFloat(value);
  return { error: `float() argument must be a string or a real number, not '${typeName(value)}'` };
}

function truncate(value: number): Converted {
  if (Number.isNaN(value)) return { error: 'cannot convert float NaN to integer' };
  if (!Number.isFinite(value)) return { error: 'cannot convert float infinity to integer' };
  const whole = Math.trunc(value);
  return { value: Number.isSafeInteger(whole) ? whole : BigInt(whole) };
}

function readInt(text: string): Converted {
  const plain = toPlainText(text);
  if (!INT_TEXT.test(plain)) return { error: `invalid literal for int() with base 10: ${repr(text)}` };
  const digits = plain.replace(/^\+|_/g, '');
  if (digits.replace('-', '').length > MAX_INT_DIGITS) {
    return { error: `Exceeds the limit (${MAX_INT_DIGITS} digits) for integer string conversion` };
  }
  const value = Number(digits);
  return { value: Number.isSafeInteger(value) ? value : BigInt(digits) };
}

function readFloat(text: string): Converted {
  const plain = toPlainText(text);
  const word = FLOAT_WORD.exec(plain);
  if (word !== null) return { value: word[2] === undefined ? Number.NaN : word[1] === '-' ? -Infinity : Infinity };
  if (!FLOAT_TEXT.test(plain)) return { error: `could not convert string to float: ${repr(text)}` };
  return { value: Number(plain.replaceAll('_', '')) };
}

// Unicode digits become 0-9 and the outer spaces go, as python does before it reads a number.
function toPlainText(text: string): string {
  if (ASCII_ONLY.test(text)) return text.replace(ASCII_SPACE, '');
  return text.replace(ANY_SPACE, '').replace(/\p{Nd}/gu, (digit) => String(digitValue(digit.codePointAt(0) ?? 0)));
}

// Unicode's decimal digits come in runs of ten, so the distance to the start of the run gives the value.
function digitValue(code: number): number {
  let start = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start--;
  return (code - start) % 10;
}

/** The value as a number for python's `<` and `==`, or undefined when it is none. */
export function toComparable(value: JsonValue | undefined): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof LosslessNumber) return Number(value);
  return undefined;
}

/** python's `a == b`: 1 == 1.0 == True. */
export function equalsPython(a: JsonValue, b: JsonValue): boolean {
  const left = toComparable(a);
  const right = toComparable(b);
  // biome-ignore lint/suspicious/noDoubleEquals: only == compares a bigint with a number
  if (left !== undefined || right !== undefined) return left !== undefined && right !== undefined && left == right;
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalsPython(item, b[index] ?? null));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equalsPython(a[key] ?? null, b[key] ?? null));
}

// NaN and the infinities, spelled out or as too large a float.
function isNonFinite(value: JsonValue): boolean {
  return value instanceof LosslessNumber && !Number.isFinite(Number(value));
}

function typeName(value: JsonValue): string {
  if (value === null) return 'NoneType';
  return Array.isArray(value) ? 'list' : 'dict';
}

/** python's repr(value), for messages. */
export function repr(value: JsonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return reprText(value);
  if (value instanceof LosslessNumber) return reprFloat(Number(value));
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, member]) => `${repr(key)}: ${repr(member)}`)
    .join(', ')}}`;
}

/** python's str(value). */
export function str(value: JsonValue): string {
  return typeof value === 'string' ? value : repr(value);
}

/** A float as python spells it: 1 is '1.0'. */
export function reprFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  if (!Number.isInteger(value)) return String(value);
  return Object.is(value, -0) ? '-0.0' : `${value}.0`;
}

function reprText(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return escaped.includes("'") && !escaped.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}

/** True when a NaN or an infinity is anywhere inside. */
export function holdsNonFinite(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof LosslessNumber) return isNonFinite(value);
  if (Array.isArray(value)) return value.some(holdsNonFinite);
  return isJsonObject(value) && Object.values(value).some(holdsNonFinite);
}
