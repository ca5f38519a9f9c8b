// Reads the prompt ids out of GET /queue's answer without building the rest of it: that answer holds every queued
// graph whole and, unredacted, its tenants' keys. One pass over the bytes; bare NaN and items of any length are fine.

export interface QueueIds {
  running: string[];
  pending: string[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

class NotAQueue extends Error {}

/** Undefined when the bytes are not such an answer: a torn one must never read as "not in the queue". */
export function readQueueIds(bytes: Buffer): QueueIds | undefined {
  try {
    return readQueue(new Scan(bytes));
  } catch (error) {
    if (error instanceof NotAQueue) return undefined;
    throw error;
  }
}

function readQueue(scan: Scan): QueueIds {
  const lists = new Map<string, string[]>();
  scan.expect(OPEN_OBJECT);
  do {
    const key = scan.string();
    scan.expect(COLON);
    if (key === 'queue_running' || key === 'queue_pending') lists.set(key, readItems(scan));
    else scan.skipValue();
  } while (scan.take(COMMA));
  scan.expect(CLOSE_OBJECT);
  scan.expectEnd();
  const running = lists.get('queue_running');
  const pending = lists.get('queue_pending');
  if (!running || !pending) throw new NotAQueue();
  return { running, pending };
}

function readItems(scan: Scan): string[] {
  const ids: string[] = [];
  scan.expect(OPEN_ARRAY);
  if (scan.take(CLOSE_ARRAY)) return ids;
  do ids.push(readItem(scan));
  while (scan.take(COMMA));
  scan.expect(CLOSE_ARRAY);
  return ids;
}

/** [number, prompt_id, …whatever this version adds] */
function readItem(scan: Scan): string {
  scan.expect(OPEN_ARRAY);
  scan.skipValue();
  scan.expect(COMMA);
  const id = scan.string();
  while (scan.take(COMMA)) scan.skipValue();
  scan.expect(CLOSE_ARRAY);
  return id;
}

class Scan {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Steps over `byte` when it is the next one that is not white space. */
  take(byte: number): boolean {
    if (this.#next() !== byte) return false;
    this.#at++;
    return true;
  }

  expect(byte: number): void {
    if (!this.take(byte)) throw new NotAQueue();
  }

  expectEnd(): void {
    if (this.#next() !== undefined) throw new NotAQueue();
  }

  string(): string {
    const start = this.#next() === QUOTE ? this.#at : this.#fail();
    this.#skipString();
    try {
      return JSON.parse(this.#bytes.toString('utf8', start, this.#at));
    } catch (error) {
      throw new NotAQueue('a bad escape', { cause: error });
    }
  }

  /** Any value, by brackets and strings only: what lies inside is nobody's business here. */
  skipValue(): void {
    const first = this.#next();
    if (first === QUOTE) this.#skipString();
    else if (first === OPEN_ARRAY || first === OPEN_OBJECT) this.#skipContainer();
    else this.#skipLiteral();
  }

  #skipContainer(): void {
    let depth = 0;
    do {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) this.#fail();
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++;
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
      this.#at++;
    } while (depth > 0);
  }

  /** A number, true, false, null, or python's NaN and Infinity. */
  #skipLiteral(): void {
    const start = this.#at;
    while (isLiteralByte(this.#bytes[this.#at])) this.#at++;
    if (this.#at === start) this.#fail();
  }

  #skipString(): void {
    let end = this.#at;
    do {
      end = this.#bytes.indexOf(QUOTE, end + 1);
      if (end === -1) this.#fail();
    } while (this.#isEscaped(end));
    this.#at = end + 1;
  }

  #isEscaped(quoteAt: number): boolean {
    let backslashes = 0;
    while (this.#bytes[quoteAt - 1 - backslashes] === BACKSLASH) backslashes++;
    return backslashes % 2 === 1;
  }

  #next(): number | undefined {
    while (isSpace(this.#bytes[this.#at])) this.#at++;
    return this.#bytes[this.#at];
  }

  #fail(): never {
    throw new NotAQueue();
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Letters, digits, and the signs of a number. */
function isLiteralByte(byte: number | undefined): boolean {
  return byte !== undefined && /[\w.+-]/.test(String.fromCharCode(byte));
}
