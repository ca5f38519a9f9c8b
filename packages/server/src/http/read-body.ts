// The body's bytes → exact JSON, or a 422001 that says where it breaks. Called by routes that take a body.
import { isUtf8 } from 'node:buffer';
import { ApiError, DEFAULT_LIMITS } from '@comfleet/api';
import { JsonError, type JsonValue, parseJson } from '@comfleet/comfyui';
import { outlineBody } from './body-outline.ts';
import { type HeldTexts, holdTexts } from './held-texts.ts';
import { nextTurn } from './turns.ts';

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** U+0000 written out; the backslash before it may itself be escaped, so a hit only means: look closely. */
const MAY_HOLD_NUL = /\\u0000/;

/** Smaller bodies are parsed in a few milliseconds whatever is in them. */
const SMALL_BYTES = 256 * 1024;
/** A graph at its limit of nodes holds fewer. */
const MAX_VALUES = 250_000;
/** A version may bring its object_info, which lists every model of a server for each class that takes one. */
export const MAX_VERSION_VALUES = 2_000_000;

export interface ReadBody {
  readonly value: JsonValue;
  /** What the placeholders in the value stand for; undefined when there are none. */
  readonly held: HeldTexts | undefined;
}

/** An empty body counts as {}. A large one is read in steps, between which other calls are answered. */
export async function readBody(body: unknown, maxValues = MAX_VALUES): Promise<JsonValue> {
  if (!Buffer.isBuffer(body) || body.length <= SMALL_BYTES) return readSmall(body);
  const { value, held } = await readLarge(body, maxValues);
  return held === undefined ? value : restoreTexts(held, value);
}

/** The same, with the long texts of a large body still in its bytes. */
export async function readBodyHolding(body: unknown): Promise<ReadBody> {
  if (!Buffer.isBuffer(body) || body.length <= SMALL_BYTES) return { value: readSmall(body), held: undefined };
  return await readLarge(body, MAX_VALUES);
}

/** HeldTexts.restore, with a 422001 for a text that is none. */
export function restoreTexts(
  held: HeldTexts,
  value: JsonValue,
  keeps?: Parameters<HeldTexts['restore']>[1],
): JsonValue {
  try {
    const restored = held.restore(value, keeps);
    refuseNul('\\u0000', restored);
    return restored;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refuse(
      'The body is not valid JSON: a string holds a bad escape or a bare control character.',
      'invalid_json',
    );
  }
}

function readSmall(body: unknown): JsonValue {
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  requireUtf8(body);
  const text = body.toString('utf8', startOfText(body));
  if (text.trim() === '') return {};
  const value = parse(text);
  refuseNul(text, value);
  return value;
}

async function readLarge(body: Buffer, maxValues: number): Promise<ReadBody> {
  requireUtf8(body);
  const outline = await outlineBody(body, maxValues);
  if (outline.kind === 'too_heavy') {
    throw refuse(`The body holds too many values (over ${maxValues}), escapes or blanks.`, 'too_many_values');
  }
  if (outline.kind === 'unclosed') {
    throw refuse('The body is not valid JSON: a string is not closed; perhaps the body was cut off.', 'invalid_json');
  }
  const { text, held } = holdTexts(body.subarray(startOfText(body)), shift(outline.longTexts, startOfText(body)));
  await nextTurn();
  if (held.size === 0 && text.trim() === '') return { value: {}, held: undefined };
  const value = parse(text, held.size > 0);
  await nextTurn();
  refuseNul(text, value);
  return { value, held: held.size > 0 ? held : undefined };
}

function shift<T extends { start: number; end: number }>(spans: readonly T[], by: number): readonly T[] {
  return by === 0 ? spans : spans.map((span) => ({ ...span, start: span.start - by, end: span.end - by }));
}

// Not a TextDecoder: its strict mode takes many times as long for a large body.
function requireUtf8(body: Buffer): void {
  if (!isUtf8(body)) {
    throw refuse(
      'The body is not UTF-8 text. Send JSON in UTF-8; UTF-16 and Latin-1 are not taken.',
      'invalid_encoding',
    );
  }
}

function startOfText(body: Buffer): number {
  return body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
}

function parse(text: string, isShortened = false): JsonValue {
  try {
    return parseJson(text, { maxDepth: DEFAULT_LIMITS.jsonDepth, maxKeys: DEFAULT_LIMITS.keysPerObject });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const note = isShortened ? ' (its long texts counted as short ones)' : '';
    throw refuse(`The body is not valid JSON: ${error.message}${note}`, 'invalid_json', error);
  }
}

function refuse(msg: string, type: string, cause?: unknown) {
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type }], cause });
}

function refuseNul(text: string, value: JsonValue): void {
  if (!MAY_HOLD_NUL.test(text) || !holdsNul(value)) return;
  throw refuse('The body holds the character U+0000, which cannot be stored.', 'invalid_character');
}

function holdsNul(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('\u0000');
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsNul);
  return Object.entries(value).some(([key, item]) => key.includes('\u0000') || holdsNul(item as JsonValue));
}
