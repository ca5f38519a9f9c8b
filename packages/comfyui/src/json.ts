// Exact and tolerant JSON: what the caller wrote is what ComfyUI reads (integers of any size, 1.0 apart from 1),
// and what python writes (NaN, Infinity) can be read. Called for request bodies, graphs and ComfyUI's answers.

import type { JsonLimits } from './json-error.ts';
import { readJson } from './json-reader.ts';
import { needsExactReader } from './json-scan.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | bigint
  | LosslessNumber
  | JsonValue[]
  | { [key: string]: JsonValue };

export type JsonObject = { [key: string]: JsonValue };

const NOT_FOR_STRINGIFY = new Error('a LosslessNumber needs stringifyJson, not JSON.stringify');

/** A literal whose meaning a JS number would lose: `1.0` and `1e3` (python reads floats), `NaN`, `0.1000000000000000055`. */
export class LosslessNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  valueOf(): number {
    return this.text.endsWith('Infinity') ? (this.text.startsWith('-') ? -Infinity : Infinity) : Number(this.text);
  }

  /** Makes JSON.stringify stop instead of writing an object; stringifyJson then takes its own path. */
  toJSON(): never {
    throw NOT_FOR_STRINGIFY;
  }
}

// As deep as the exact reader goes.
const DEFAULT_MAX_DEPTH = 1_000;
/**
 * Reads JSON text. Throws JsonError (position, line, column, excerpt) when it is not JSON or breaks a limit.
 * @example parseJson('{"seed":18446744073709551615}') // { seed: 18446744073709551615n }
 */
export function parseJson(text: string, limits: JsonLimits = {}): JsonValue {
  const { maxDepth = DEFAULT_MAX_DEPTH, maxKeys = Number.POSITIVE_INFINITY } = limits;
  if (needsExactReader(text, { maxDepth, maxKeys })) return readJson(text, limits, makeNumber);
  try {
    return JSON.parse(text);
  } catch {
    // The exact reader explains what JSON.parse only refuses.
    return readJson(text, limits, makeNumber);
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber);
}

/** Writes JSON; bigint and LosslessNumber come out exactly as they were read. */
export function stringifyJson(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    if (cause !== NOT_FOR_STRINGIFY && !(cause instanceof TypeError)) throw cause;
    return writeJson(value);
  }
}

function writeJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof LosslessNumber) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${writeJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

function makeNumber(text: string, isFloat: boolean): number | bigint | LosslessNumber {
  if (text === 'NaN' || text.endsWith('Infinity')) return new LosslessNumber(text);
  const value = Number(text);
  if (!isFloat) return Number.isSafeInteger(value) ? value : BigInt(text);
  if (!Number.isFinite(value) || Number.isInteger(value)) return new LosslessNumber(text);
  return text.length <= 16 || significantDigits(text) === significantDigits(String(value))
    ? value
    : new LosslessNumber(text);
}

function significantDigits(text: string): string {
  return text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');
}
