// The long texts of a large body, kept as the bytes they came in: a short placeholder stands for each in the parsed
// value, until somebody takes the bytes (a data URI) or wants the text itself. Made by read-body.ts.
import { randomBytes } from 'node:crypto';
import type { JsonValue } from '@comfleet/comfyui';
import type { LongText } from './body-outline.ts';

/** How much of the text its placeholder shows: enough to see what it is. */
const HEAD_BYTES = 48;

export interface HeldText {
  /** Between its quotes in the body; escapes are not resolved. */
  readonly bytes: Buffer;
  readonly hasEscapes: boolean;
  readonly isDataUri: boolean;
}

export interface HeldTexts {
  readonly size: number;
  find(placeholder: string): HeldText | undefined;
  /** The value with its texts in the places of the placeholders, but for those that `keeps` names. Changes it in place. */
  restore(value: JsonValue, keeps?: (placeholder: string, text: HeldText) => boolean): JsonValue;
  /** A sentence without our marks: each text shows its beginning only. */
  conceal(sentence: string): string;
  /** The placeholders in a value. */
  list(value: JsonValue): Set<string>;
}

/** The body's JSON text with placeholders, and what they stand for. Throws a SyntaxError where a text cannot be one. */
export function holdTexts(body: Buffer, longTexts: readonly LongText[]): { text: string; held: HeldTexts } {
  // Nobody who writes a body can guess it, so no text of theirs is taken for a placeholder.
  const mark = `#${randomBytes(12).toString('hex')}:`;
  const texts = new Map<string, HeldText>();
  let text = '';
  let at = 0;
  for (const { start, end, hasEscapes } of longTexts) {
    const bytes = body.subarray(start, end);
    const head = headOf(bytes);
    const placeholder = `${head}${mark}${texts.size}`;
    texts.set(placeholder, {
      bytes,
      hasEscapes,
      isDataUri: /^ {0,16}data:[^,]{0,400};\s*base64,/i.test(wideHead(bytes)),
    });
    text += body.toString('utf8', at, start) + placeholder;
    at = end;
  }
  return { text: text + body.toString('utf8', at), held: createHeldTexts(texts, mark) };
}

function headOf(bytes: Buffer): string {
  return /^[ !#-[\]-~]*/.exec(bytes.toString('latin1', 0, HEAD_BYTES))?.[0] ?? '';
}

function wideHead(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 512);
}

function createHeldTexts(texts: ReadonlyMap<string, HeldText>, mark: string): HeldTexts {
  // Most strings of a body are shorter than any placeholder.
  const find = (value: string) => (value.length > mark.length && value.includes(mark) ? texts.get(value) : undefined);

  function restore(value: JsonValue, keeps?: (placeholder: string, text: HeldText) => boolean): JsonValue {
    if (typeof value === 'string') {
      const held = find(value);
      return held === undefined || keeps?.(value, held) ? value : readText(held);
    }
    if (typeof value !== 'object' || value === null) return value;
    const members = value as Record<string, JsonValue>;
    for (const key of Object.keys(members)) {
      const member = members[key] as JsonValue;
      const restored = restore(member, keeps);
      // A plain assignment to __proto__ would change the prototype instead of the member.
      if (restored !== member) Object.defineProperty(members, key, { ...MEMBER, value: restored });
    }
    return value;
  }

  function collect(value: JsonValue, found: Set<string>): Set<string> {
    if (typeof value === 'string') {
      if (find(value)) found.add(value);
    } else if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) collect(member as JsonValue, found);
    }
    return found;
  }

  const marks = new RegExp(`${mark}\\d+`, 'g');
  return {
    size: texts.size,
    find,
    restore,
    conceal: (sentence) => sentence.replace(marks, '…'),
    list: (value) => collect(value, new Set()),
  };
}

const MEMBER = { enumerable: true, configurable: true, writable: true };

function readText({ bytes, hasEscapes }: HeldText): string {
  const text = bytes.toString('utf8');
  // Control characters are as wrong in a long text as in a short one.
  return hasEscapes || CONTROL.test(text) ? (JSON.parse(`"${text}"`) as string) : text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in texts, so they are looked for.
const CONTROL = /[\u0000-\u001f]/;
