// Decodes a data URI that is still in its body's bytes, in small steps and in place: no second copy of megabytes, and
// other calls are answered in between. As strict as data-uri.ts. Called by requests/payload.ts.
import type { HeldText } from '../http/held-texts.ts';
import { nextTurn } from '../http/turns.ts';
import { type DataUri, MAX_HEAD_CHARACTERS, readDataUriHead, refuse } from './data-uri.ts';

/** Of base64, a multiple of four; small enough for the garbage collector to take the strings back cheaply. */
const PIECE_BYTES = 96 * 1024;
/** What a turn of the event loop decodes or cleans: about a millisecond. */
const PIECES_A_TURN = 8;
const MARKS_A_TURN = 8 * 1024;

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const SPACE = 0x20;
/** Stands for what base64 cannot hold. */
const WRONG = 0x21;

const decoded = new WeakMap<HeldText, Promise<DataUri>>();

/** The text's bytes are used up by this: asked again for the same text, it gives the same answer. */
export function decodeHeldDataUri(held: HeldText, maxBytes: number): Promise<DataUri> {
  const known = decoded.get(held);
  if (known !== undefined) return known;
  const made = decode(held, maxBytes);
  decoded.set(held, made);
  return made;
}

async function decode({ bytes, hasEscapes }: HeldText, maxBytes: number): Promise<DataUri> {
  const start = bytes.toString('latin1', 0, MAX_HEAD_CHARACTERS);
  const comma = start.indexOf(',');
  const head = readDataUriHead(comma === -1 ? undefined : start.slice(0, comma).replaceAll('\\/', '/'));
  if ('problem' in head) return refuse(head.problem);
  let data = bytes.subarray(comma + 1);
  if (hasEscapes || data.includes(PERCENT) || data.includes(SPACE)) data = await clean(data);
  if (data.length > Math.ceil(maxBytes / 3) * 4) return refuse(`the data URI is larger than ${maxBytes} bytes`);
  const size = await decodeInPlace(data);
  if (size === undefined) return refuse('the data URI is not valid base64');
  if (size === 0) return refuse('the data URI is empty');
  if (size > maxBytes) return refuse(`the data URI is larger than ${maxBytes} bytes`);
  return { kind: 'ok', mime: head.mime, bytes: data.subarray(0, size) };
}

// Node's decoder skips what it does not know and stops at '='; a piece is right exactly when nothing was skipped.
async function decodeInPlace(data: Buffer): Promise<number | undefined> {
  const padding = data.at(-1) === 0x3d ? (data.at(-2) === 0x3d ? 2 : 1) : 0;
  const digits = data.length - padding;
  if (digits % 4 === 1 || (padding > 0 && data.length % 4 !== 0)) return undefined;
  let size = 0;
  for (let at = 0, pieces = 0; at < digits; at += PIECE_BYTES, pieces += 1) {
    if (pieces % PIECES_A_TURN === PIECES_A_TURN - 1) await nextTurn();
    const piece = data.toString('latin1', at, Math.min(digits, at + PIECE_BYTES));
    if (piece.includes('-') || piece.includes('_')) return undefined; // the URL-safe alphabet, which the decoder takes too
    const written = data.write(piece, size, 'base64');
    if (written !== Math.floor((piece.length * 3) / 4)) return undefined;
    size += written;
  }
  return size;
}

// Base64 wrapped in lines, percent-encoded, or with the escapes that some JSON writers put before / and instead of +.
async function clean(data: Buffer): Promise<Buffer> {
  const next = [BACKSLASH, PERCENT, SPACE].map((byte) => ({ byte, at: -1 }));
  let from = 0;
  let to = 0;
  for (let marks = 1; from < data.length; marks += 1) {
    if (marks % MARKS_A_TURN === 0) await nextTurn();
    let mark = data.length;
    for (const each of next) {
      if (each.at < from) each.at = indexOrEnd(data, each.byte, from);
      mark = Math.min(mark, each.at);
    }
    if (to !== from) data.copyWithin(to, from, mark);
    to += mark - from;
    if (mark === data.length) break;
    const { length, code } = readMark(data, mark);
    if (code !== undefined) data[to++] = code;
    from = mark + length;
  }
  return data.subarray(0, to);
}

function indexOrEnd(data: Buffer, byte: number, from: number): number {
  const at = data.indexOf(byte, from);
  return at < 0 ? data.length : at;
}

/** What an escape stands for; no code for white space, which is dropped. */
function readMark(data: Buffer, at: number): { length: number; code: number | undefined } {
  if (data[at] === SPACE) return { length: 1, code: undefined };
  if (data[at] === PERCENT) return readHex(data, { at: at + 1, digits: 2 });
  const letter = String.fromCharCode(data[at + 1] ?? 0);
  if (letter === 'u') return readHex(data, { at: at + 2, digits: 4 });
  if ('nrtf'.includes(letter)) return { length: 2, code: undefined };
  return { length: 2, code: letter === '/' ? 0x2f : WRONG };
}

function readHex(data: Buffer, { at, digits }: { at: number; digits: 2 | 4 }) {
  const hex = data.toString('latin1', at, at + digits);
  const length = (digits === 2 ? 1 : 2) + digits;
  if (hex.length < digits || !/^[0-9a-f]+$/i.test(hex)) return { length: 1, code: WRONG };
  const code = Number.parseInt(hex, 16);
  const isSpace = code === SPACE || (code >= 0x09 && code <= 0x0d && code !== 0x0b);
  return { length, code: isSpace ? undefined : code < 0x80 && code !== PERCENT ? code : WRONG };
}
