// A first look over a large body's bytes: refuses what would hold up everybody else (millions of values, escapes or
// blanks in a few megabytes) and finds its long texts, which need no parsing. Called by read-body.ts.
import { nextTurn } from './turns.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const POINT = 0x2e;
const SMALL_E = 0x65;
const LARGE_E = 0x45;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
/** Texts from this length on are left out of what is parsed. */
export const LONG_TEXT_BYTES = 64 * 1024;
/** What a turn of the event loop looks through: about a millisecond. A jump over a part of a text counts as some bytes. */
const STEP_WORK = 512 * 1024;
const JUMP_WORK = 32;
/** What costs the parser as much as one value. */
const ESCAPES_A_VALUE = 8;
const BARE_BYTES_A_VALUE = 64;

/** A number with a fraction or an exponent may have to be kept digit for digit. */
const VALUES_A_FRACTION = 3;

/** A text's bytes as they stand between its quotes. */
export interface LongText {
  readonly start: number;
  readonly end: number;
  readonly hasEscapes: boolean;
}

export type Outline = { kind: 'ok'; longTexts: LongText[] } | { kind: 'too_heavy' } | { kind: 'unclosed' };

interface Scan {
  readonly body: Buffer;
  readonly longTexts: LongText[];
  at: number;
  /** Of the text that the scan is in; -1 outside. */
  textStart: number;
  hasEscapes: boolean;
  /** The first backslash not passed yet. */
  backslash: number;
  values: number;
  escapes: number;
  bareBytes: number;
}

/** Whether these bytes of JSON hold more than `maxValues` values, or as much work in another form; and the long texts. */
export async function outlineBody(body: Buffer, maxValues: number): Promise<Outline> {
  const scan: Scan = {
    body,
    longTexts: [],
    at: 0,
    textStart: -1,
    hasEscapes: false,
    backslash: -1,
    values: 0,
    escapes: 0,
    bareBytes: 0,
  };
  while (scan.at < body.length) {
    scanStep(scan);
    const { values, escapes, bareBytes } = scan;
    if (values + escapes / ESCAPES_A_VALUE + bareBytes / BARE_BYTES_A_VALUE > maxValues) return { kind: 'too_heavy' };
    await nextTurn();
  }
  return scan.textStart < 0 ? { kind: 'ok', longTexts: scan.longTexts } : { kind: 'unclosed' };
}

function scanStep(scan: Scan): void {
  let left = STEP_WORK;
  while (left > 0 && scan.at < scan.body.length) {
    left -= scan.textStart < 0 ? passBare(scan, left) : passText(scan);
  }
}

// Up to the next text, or to the end of the step.
function passBare(scan: Scan, most: number): number {
  const { body } = scan;
  const begin = scan.at;
  const end = Math.min(body.length, begin + most);
  let at = begin;
  let values = 0;
  for (; at < end; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) break;
    if (byte === COMMA || byte === OPEN_ARRAY || byte === OPEN_OBJECT) values += 1;
    else if (byte === POINT || ((byte === SMALL_E || byte === LARGE_E) && isDigit(body[at - 1])))
      values += VALUES_A_FRACTION;
  }
  scan.values += values;
  scan.bareBytes += at - begin;
  scan.at = at;
  if (at < end) {
    scan.at = at + 1;
    scan.textStart = at + 1;
    scan.hasEscapes = false;
  }
  return scan.at - begin;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

// One jump: to the end of the text, or over one escape in it.
function passText(scan: Scan): number {
  const { body } = scan;
  if (scan.backslash < scan.at) scan.backslash = find(body, BACKSLASH, scan.at);
  const quote = find(body, QUOTE, scan.at);
  if (scan.backslash < quote) {
    scan.escapes += 1;
    scan.hasEscapes = true;
    scan.at = scan.backslash + 2;
    return JUMP_WORK;
  }
  if (quote < body.length && quote - scan.textStart >= LONG_TEXT_BYTES && !isKey(body, quote)) {
    scan.longTexts.push({ start: scan.textStart, end: quote, hasEscapes: scan.hasEscapes });
  }
  scan.at = quote + 1;
  scan.textStart = -1;
  return JUMP_WORK;
}

function find(body: Buffer, byte: number, from: number): number {
  const at = body.indexOf(byte, from);
  return at < 0 ? body.length : at;
}

function isKey(body: Buffer, quote: number): boolean {
  let at = quote + 1;
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return body[at] === COLON;
}
