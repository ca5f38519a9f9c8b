// The body's bytes → exact JSON, or a 422001 that says where it breaks. Called by routes that take a body.
import { ApiError, DEFAULT_LIMITS } from '@comfleet/api';
import { JsonError, type JsonValue, parseJson } from '@comfleet/comfyui';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });
/** U+0000 written out; the backslash before it may itself be escaped, so a hit only means: look closely. */
const MAY_HOLD_NUL = /\\u0000/;

/** An empty body counts as {}. */
export function readBody(body: unknown): JsonValue {
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  let text: string;
  try {
    text = strictUtf8.decode(body);
  } catch (cause) {
    throw refuse('The body is not UTF-8 text. Send JSON, uncompressed.', 'invalid_encoding', cause);
  }
  if (text.trim() === '') return {};
  try {
    const value = parseJson(text, { maxDepth: DEFAULT_LIMITS.jsonDepth, maxKeys: DEFAULT_LIMITS.keysPerObject });
    if (MAY_HOLD_NUL.test(text) && holdsNul(value)) {
      throw refuse('The body holds the character U+0000, which cannot be stored.', 'invalid_character');
    }
    return value;
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
