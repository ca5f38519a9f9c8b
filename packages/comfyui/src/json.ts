// Exact and tolerant JSON: what the caller wrote is what ComfyUI reads (integers of any size, 1.0 apart from 1),
// and what python writes (NaN, Infinity) can be read. Called for request bodies, graphs and ComfyUI's answers.

import type { JsonLimits } from './json-error.ts';
import { readJson } from './json-reader.ts';

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

// A number that starts like a value and that JSON.parse would lose: 16 or more digits, an exponent, a whole float.
// A hit inside a string only costs time.
const NEEDS_EXACT = /[:,[\s]-?\d(?:[\d.]{15}|[\d.]*[eE]|\d*\.0*(?:[\s,\]}]|$))/;
const NEEDS_EXACT_ALONE = /^-?\d(?:[\d.]{15}|[\d.]*[eE]|\d*\.0*\s*$)/;
// As deep as the exact reader goes.
const DEFAULT_MAX_DEPTH = 1_000;
// Beyond this size the nesting is bounded before JSON.parse sees the text: 10 MB of `[` would cost it hundreds of MB.
const PARSE_UNSEEN_CHARS = 262_144;

/**
 * Reads JSON text. Throws JsonError (position, line, column, excerpt) when it is not JSON or breaks a limit.
 * @example parseJson('{"seed":18446744073709551615}') // { seed: 18446744073709551615n }
 */
export function parseJson(text: string, limits: JsonLimits = {}): JsonValue {
  if (NEEDS_EXACT.test(text) || NEEDS_EXACT_ALONE.test(text) || isNestedTooDeep(text, limits)) {
    return readJson(text, limits, makeNumber);
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    // Either python's NaN and Infinity, or not JSON at all: the exact reader takes the one and explains the other.
    return readJson(text, limits, makeNumber);
  }
  return isInside(value, limits) ? value : readJson(text, limits, makeNumber);
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

function makeNumber(text: string, isFloat: boolean): JsonValue {
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

function isNestedTooDeep(text: string, { maxDepth }: JsonLimits): boolean {
  if (text.length < PARSE_UNSEEN_CHARS) return false;
  const limit = maxDepth ?? DEFAULT_MAX_DEPTH;
  let depth = 0;
  for (let at = 0; at < text.length && depth <= limit; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return depth > limit;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

function isInside(value: JsonValue, limits: JsonLimits): boolean {
  if (limits.maxDepth === undefined && limits.maxKeys === undefined) return true;
  return isInsideAt(value, limits.maxDepth ?? Number.POSITIVE_INFINITY, limits.maxKeys ?? Number.POSITIVE_INFINITY);
}

function isInsideAt(value: JsonValue, depthLeft: number, maxKeys: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depthLeft === 0) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!isInsideAt(item, depthLeft - 1, maxKeys)) return false;
    return true;
  }
  const members = Object.values(value as JsonObject);
  if (members.length > maxKeys) return false;
  for (const member of members) if (!isInsideAt(member, depthLeft - 1, maxKeys)) return false;
  return true;
}
