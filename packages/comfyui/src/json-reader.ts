// The exact JSON reader behind parseJson: keeps each number's own text, takes python's NaN and Infinity, bounds
// nesting and keys while reading, and says where a fault is. Iterative in strings, recursive only within maxDepth.

import { JsonError, type JsonLimits } from './json-error.ts';

/** JSON whose numbers are what `makeNumber` makes of them. */
export type Read<N> = null | boolean | string | N | Read<N>[] | { [key: string]: Read<N> };

type MakeNumber<N> = (text: string, isFloat: boolean) => N;

interface Reader<N> {
  readonly text: string;
  readonly maxDepth: number;
  readonly maxKeys: number;
  readonly makeNumber: MakeNumber<N>;
  at: number;
}

// Enough for any graph, far from the end of the call stack.
const DEFAULT_MAX_DEPTH = 1_000;
// python refuses longer integers; making a bigint of one costs quadratic time.
const MAX_NUMBER_CHARS = 4_300;

const NUMBER = /-?(?:Infinity|(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)|NaN/y;
const WORDS: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

export function readJson<N>(text: string, limits: JsonLimits, makeNumber: MakeNumber<N>): Read<N> {
  const reader: Reader<N> = {
    text,
    maxDepth: Math.min(limits.maxDepth ?? DEFAULT_MAX_DEPTH, DEFAULT_MAX_DEPTH),
    maxKeys: limits.maxKeys ?? Number.POSITIVE_INFINITY,
    makeNumber,
    at: 0,
  };
  skipSpace(reader);
  const value = readValue(reader, 0);
  skipSpace(reader);
  if (reader.at < text.length) throw syntax(reader, 'nothing more is expected after the JSON value');
  return value;
}

function readValue<N>(reader: Reader<N>, depth: number): Read<N> {
  const code = reader.text.charCodeAt(reader.at);
  if (code === 0x7b) return readObject(reader, depth + 1);
  if (code === 0x5b) return readArray(reader, depth + 1);
  if (code === 0x22) return readString(reader);
  for (const [word, value] of WORDS) {
    if (reader.text.startsWith(word, reader.at)) {
      reader.at += word.length;
      return value;
    }
  }
  return readNumber(reader);
}

function readObject<N>(reader: Reader<N>, depth: number): Read<N> {
  enter(reader, depth);
  const result: { [key: string]: Read<N> } = {};
  if (takes(reader, 0x7d)) return result;
  let keys = 0;
  for (;;) {
    if (reader.text.charCodeAt(reader.at) !== 0x22) throw syntax(reader, 'expected a key in double quotes');
    const start = reader.at;
    const key = readString(reader);
    skipSpace(reader);
    if (!takes(reader, 0x3a)) throw syntax(reader, 'expected : after the key');
    if (!Object.hasOwn(result, key) && ++keys > reader.maxKeys) {
      throw new JsonError(
        { kind: 'too_many_keys', what: `an object has more than ${reader.maxKeys} keys` },
        { text: reader.text, position: start },
      );
    }
    setOwn(result, key, readValue(reader, depth));
    skipSpace(reader);
    if (takes(reader, 0x7d)) return result;
    if (!takes(reader, 0x2c)) throw syntax(reader, 'expected , or } in the object');
  }
}

function readArray<N>(reader: Reader<N>, depth: number): Read<N> {
  enter(reader, depth);
  const result: Read<N>[] = [];
  if (takes(reader, 0x5d)) return result;
  for (;;) {
    result.push(readValue(reader, depth));
    skipSpace(reader);
    if (takes(reader, 0x5d)) return result;
    if (!takes(reader, 0x2c)) throw syntax(reader, 'expected , or ] in the array');
  }
}

function enter(reader: Reader<unknown>, depth: number): void {
  if (depth > reader.maxDepth) {
    throw new JsonError(
      { kind: 'too_deep', what: `the JSON is nested deeper than ${reader.maxDepth} levels` },
      { text: reader.text, position: reader.at },
    );
  }
  reader.at++;
  skipSpace(reader);
}

function readString(reader: Reader<unknown>): string {
  const start = reader.at;
  let end = start;
  for (;;) {
    end = reader.text.indexOf('"', end + 1);
    if (end < 0) throw syntax(reader, 'a string is not closed');
    let slashes = 0;
    while (reader.text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) break;
  }
  try {
    const value: string = JSON.parse(reader.text.slice(start, end + 1));
    reader.at = end + 1;
    return value;
  } catch (cause) {
    throw syntax(reader, 'a string holds a bad escape or a bare control character', cause);
  }
}

function readNumber<N>(reader: Reader<N>): N {
  NUMBER.lastIndex = reader.at;
  const match = NUMBER.exec(reader.text);
  if (match === null) {
    throw syntax(reader, reader.at < reader.text.length ? 'expected a value' : 'the text ends too early');
  }
  const literal = match[0];
  if (literal.length > MAX_NUMBER_CHARS) {
    throw new JsonError(
      { kind: 'number_too_long', what: `a number has more than ${MAX_NUMBER_CHARS} characters` },
      { text: reader.text, position: reader.at },
    );
  }
  reader.at += literal.length;
  return reader.makeNumber(literal, match[1] !== undefined || match[2] !== undefined);
}

// A plain assignment to __proto__ would change the prototype instead of making a member.
function setOwn<N>(target: { [key: string]: Read<N> }, key: string, value: Read<N>): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function takes(reader: Reader<unknown>, code: number): boolean {
  if (reader.text.charCodeAt(reader.at) !== code) return false;
  reader.at++;
  skipSpace(reader);
  return true;
}

function skipSpace(reader: Reader<unknown>): void {
  for (;;) {
    const code = reader.text.charCodeAt(reader.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    reader.at++;
  }
}

function syntax(reader: Reader<unknown>, what: string, cause?: unknown): JsonError {
  return new JsonError({ kind: 'syntax', what, cause }, { text: reader.text, position: reader.at });
}
