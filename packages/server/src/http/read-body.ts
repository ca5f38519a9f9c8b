// The body's bytes → exact JSON, or a 422001 that says where it breaks. Called by routes that take a body.
import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ApiError, DEFAULT_LIMITS } from '@comfleet/api';
import { JsonError, type JsonValue, parseJson } from '@comfleet/comfyui';
import { isTooHeavy } from './body-weight.ts';

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** U+0000 written out; the backslash before it may itself be escaped, so a hit only means: look closely. */
const MAY_HOLD_NUL = /\\u0000/;

/** Smaller bodies are parsed in a few milliseconds whatever is in them. */
const SMALL_BYTES = 256 * 1024;
/** A graph at its limit of nodes holds fewer. */
const MAX_VALUES = 250_000;
/** A version may bring its object_info, which lists every model of a server for each class that takes one. */
export const MAX_VERSION_VALUES = 2_000_000;

/** An empty body counts as {}. A large one is read in steps, between which other calls are answered. */
export async function readBody(body: unknown, maxValues = MAX_VALUES): Promise<JsonValue> {
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  const isLarge = body.length > SMALL_BYTES;
  if (isLarge && (await isTooHeavy(body, maxValues))) {
    throw refuse(`The body holds too many values (over ${maxValues}), escapes or blanks.`, 'too_many_values');
  }
  const text = decode(body);
  if (isLarge) await nextTurn();
  if (text.trim() === '') return {};
  const value = parse(text);
  if (isLarge) await nextTurn();
  if (MAY_HOLD_NUL.test(text) && holdsNul(value)) {
    throw refuse('The body holds the character U+0000, which cannot be stored.', 'invalid_character');
  }
  return value;
}

// Not a TextDecoder: its strict mode takes many times as long for a large body.
function decode(body: Buffer): string {
  if (!isUtf8(body)) throw refuse('The body is not UTF-8 text. Send JSON, uncompressed.', 'invalid_encoding');
  return body.subarray(startsWithMark(body) ? BYTE_ORDER_MARK.length : 0).toString('utf8');
}

function startsWithMark(body: Buffer): boolean {
  return body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
}

function parse(text: string): JsonValue {
  try {
    return parseJson(text, { maxDepth: DEFAULT_LIMITS.jsonDepth, maxKeys: DEFAULT_LIMITS.keysPerObject });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw refuse(`The body is not valid JSON: ${error.message}`, 'invalid_json', error);
  }
}

function refuse(msg: string, type: string, cause?: unknown) {
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type }], cause });
}

function holdsNul(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('\u0000');
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsNul);
  return Object.entries(value).some(([key, item]) => key.includes('\u0000') || holdsNul(item as JsonValue));
}
