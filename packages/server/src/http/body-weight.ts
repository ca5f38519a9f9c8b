// Refuses a body whose parsing would hold up everybody else: millions of values, escapes or blanks in a few megabytes.
// Called by read-body.ts for large bodies. Text in a string is nearly free, so a data URI of megabytes weighs nothing.
import { setImmediate as nextTurn } from 'node:timers/promises';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
/** What a turn of the event loop looks through: a few milliseconds. */
const STEP_BYTES = 512 * 1024;
/** What costs the parser as much as one value. */
const ESCAPES_A_VALUE = 8;
const BARE_BYTES_A_VALUE = 64;

/** Whether these bytes of JSON hold more than `maxValues` values, or as much work in another form. */
export async function isTooHeavy(body: Uint8Array, maxValues: number): Promise<boolean> {
  const scan: Scan = { at: 0, isInString: false, values: 0, escapes: 0, bareBytes: 0 };
  while (scan.at < body.length) {
    scanStep(scan, body);
    const { values, escapes, bareBytes } = scan;
    if (values + escapes / ESCAPES_A_VALUE + bareBytes / BARE_BYTES_A_VALUE > maxValues) return true;
    await nextTurn();
  }
  return false;
}

interface Scan {
  at: number;
  isInString: boolean;
  values: number;
  escapes: number;
  bareBytes: number;
}

function scanStep(scan: Scan, body: Uint8Array): void {
  const end = Math.min(body.length, scan.at + STEP_BYTES);
  let { at, isInString } = scan;
  while (at < end) {
    const byte = body[at];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) {
      if (byte === BACKSLASH) {
        scan.escapes += 1;
        at += 1;
      }
    } else {
      scan.bareBytes += 1;
      if (byte === COMMA || byte === OPEN_ARRAY || byte === OPEN_OBJECT) scan.values += 1;
    }
    at += 1;
  }
  scan.at = at;
  scan.isInString = isInString;
}
