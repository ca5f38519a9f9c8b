// python's int(), float(), str() and bool() on JSON values, and its == and <: what ComfyUI's validation applies to the
// constants of a graph. Called by the validator; failures carry python's own words, because ComfyUI passes them on.
import type { JsonValue } from '@comfleet/comfyui';
import { floatValue, intValue, isFloat, isNumber, type PythonNumber, toDouble } from './numbers.pure.ts';
import { repr, str, typeName } from './text.pure.ts';

export type Coerced = { kind: 'value'; value: JsonValue } | { kind: 'failed'; message: string };

const value = (result: JsonValue): Coerced => ({ kind: 'value', value: result });
const failed = (message: string): Coerced => ({ kind: 'failed', message });

export function coerce(type: string, input: JsonValue): Coerced {
  switch (type) {
    case 'INT':
      return toInt(input);
    case 'FLOAT':
      return toFloat(input);
    case 'STRING':
      return value(str(input));
    case 'BOOLEAN':
      return value(isTruthy(input));
    default:
      return value(input);
  }
}

function toInt(input: JsonValue): Coerced {
  if (typeof input === 'boolean') return value(input ? 1 : 0);
  if (isNumber(input)) return intOfNumber(input);
  if (typeof input === 'string') return intOfString(input);
  return failed(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(input)}'`);
}

function intOfNumber(input: PythonNumber): Coerced {
  if (!isFloat(input)) return value(input);
  const double = toDouble(input);
  if (Number.isNaN(double)) return failed('cannot convert float NaN to integer');
  if (!Number.isFinite(double)) return failed('cannot convert float infinity to integer');
  return value(intValue(BigInt(Math.trunc(double))));
}

const INT_TEXT = /^[+-]?\p{Nd}+(_\p{Nd}+)*$/u;

function intOfString(input: string): Coerced {
  const text = input.trim();
  if (!INT_TEXT.test(text)) return failed(`invalid literal for int() with base 10: ${repr(input).slice(0, 200)}`);
  const digits = asciiDigits(text).replaceAll('_', '');
  const magnitude = BigInt(digits.replace(/^[+-]/, ''));
  return value(intValue(digits.startsWith('-') ? -magnitude : magnitude));
}

function toFloat(input: JsonValue): Coerced {
  if (typeof input === 'boolean') return value(floatValue(input ? 1 : 0));
  if (isNumber(input)) return floatOfNumber(input);
  if (typeof input === 'string') return floatOfString(input);
  return failed(`float() argument must be a string or a real number, not '${typeName(input)}'`);
}

function floatOfNumber(input: PythonNumber): Coerced {
  const double = toDouble(input);
  if (typeof input === 'bigint' && !Number.isFinite(double)) return failed('int too large to convert to float');
  return value(floatValue(double));
}

const DIGITS = String.raw`\p{Nd}+(?:_\p{Nd}+)*`;
const FLOAT_TEXT = new RegExp(`^[+-]?(?:${DIGITS}\\.?(?:${DIGITS})?|\\.${DIGITS})(?:[eE][+-]?${DIGITS})?$`, 'u');
const WORD_TEXT = /^([+-]?)(inf|infinity|nan)$/i;

function floatOfString(input: string): Coerced {
  const text = input.trim();
  const word = WORD_TEXT.exec(text);
  if (word) {
    const size = word[2]?.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY;
    return value(floatValue(word[1] === '-' ? -size : size));
  }
  if (!FLOAT_TEXT.test(text)) return failed(`could not convert string to float: ${repr(input)}`);
  return value(floatValue(Number(asciiDigits(text).replaceAll('_', ''))));
}

// Decimal digits of every script stand in runs of ten, so a digit's value is its distance from the run's start.
function asciiDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    let start = code;
    while (start > 0 && /^\p{Nd}$/u.test(String.fromCodePoint(start - 1))) start -= 1;
    return String((code - start) % 10);
  });
}

export function isTruthy(input: JsonValue): boolean {
  if (input === null || input === false || input === '') return false;
  if (isNumber(input)) return toDouble(input) !== 0;
  if (Array.isArray(input)) return input.length > 0;
  return typeof input === 'object' ? Object.keys(input).length > 0 : true;
}

/** python's `==`: 1 == 1.0 == True, and containers by their parts. */
export function isEqual(a: JsonValue, b: JsonValue): boolean {
  const left = numeric(a);
  const right = numeric(b);
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a double are compared by value
  if (left !== undefined && right !== undefined) return left == right;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  return left === undefined && right === undefined && repr(a) === repr(b);
}

/** `a < b` for numbers, undefined where python would raise a TypeError. */
export function isLess(a: JsonValue, b: JsonValue): boolean | undefined {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined) return left < right;
  return typeof a === 'string' && typeof b === 'string' ? a < b : undefined;
}

function numeric(input: JsonValue): number | bigint | undefined {
  if (typeof input === 'boolean') return input ? 1 : 0;
  if (!isNumber(input)) return undefined;
  return typeof input === 'bigint' ? input : toDouble(input);
}
