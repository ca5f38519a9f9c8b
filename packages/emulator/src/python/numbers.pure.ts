// How python tells ints from floats and prints them, for numbers that came out of the lossless JSON parser.
// Called by the validator and by the JSON writer: a FLOAT of 1 is 1.0 in every answer of ComfyUI.
import { LosslessNumber } from '@comfleet/comfyui';

export type PythonNumber = number | bigint | LosslessNumber;

export function isNumber(value: unknown): value is PythonNumber {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof LosslessNumber;
}

/** A float is what was written with a point or an exponent, or has a fraction; every other number is an int. */
export function isFloat(value: PythonNumber): boolean {
  return value instanceof LosslessNumber || (typeof value === 'number' && !Number.isInteger(value));
}

export function toDouble(value: PythonNumber): number {
  return value instanceof LosslessNumber ? doubleOf(value.text) : Number(value);
}

function doubleOf(text: string): number {
  if (text === 'NaN') return Number.NaN;
  return Number(text); // 'Infinity' and '-Infinity' included
}

/** A python float as a JSON value: whole ones need the lossless form to keep their point. */
export function floatValue(value: number): number | LosslessNumber {
  return Number.isInteger(value) || !Number.isFinite(value) ? new LosslessNumber(jsonFloat(value)) : value;
}

/** An integer as a JSON value: beyond 2^53 only a bigint keeps it. */
export function intValue(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** `float.__repr__`: 1.0, 1e-07, 1e+16, inf, nan. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '', exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

/** json.dumps writes the same text as repr, but NaN and Infinity by JavaScript's names. */
export function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatRepr(value);
}

export function numberRepr(value: PythonNumber): string {
  return isFloat(value) ? floatRepr(toDouble(value)) : String(value);
}
