// Tells "the database cannot be reached" from every other failure, and whether the statement may have been carried out.
// Made by database.ts; read by whoever must answer 503 or ask what became of a write.

export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  /** True when the statement was sent and not answered: it may or may not have been committed. */
  readonly ambiguous: boolean;

  constructor(ambiguous: boolean, { cause }: { cause: unknown }) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`the database ${inWords(cause)}: ${reason}`, { cause });
    this.ambiguous = ambiguous;
  }
}

export const isDatabaseUnavailable = (error: unknown): error is DatabaseUnavailable =>
  error instanceof DatabaseUnavailable;

// 57P01–57P05: shut down or starting; 08…: connection exceptions; 53300: no connection is free; 53100: its disk is full,
// which passes like the others: new work is refused meanwhile, and what ran waits to be written.
const SERVER_CODES = /^(57P0[1-5]|08...|53[13]00)$/;
const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOTCONN',
  'EADDRNOTAVAIL',
]);
// pg gives these without a code.
const PG_MESSAGES =
  /^(Connection terminated|Query read timeout|timeout (exceeded|expired)|Client has encountered a connection error|Client was closed|The client has been closed)/;

export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (SERVER_CODES.test(code) || SYSTEM_CODES.has(code)) return true;
  if (error instanceof AggregateError) return error.errors.every(isConnectionLoss);
  return code === '' && PG_MESSAGES.test(error.message);
}

// 40001, 40P01: it was in the way of others; 55P03: a lock was not to be had; 53…: the server is short of something;
// 58030: its disk failed.
const PASSING_CODES = /^(40001|40P01|55P03|53...|58030)$/;

function inWords(cause: unknown): string {
  if (isFull(cause)) return 'has no room left';
  if (isTooSlow(cause)) return 'takes too long';
  return isConnectionLoss(cause) || !isPassing(cause) ? 'cannot be reached' : 'could not do it at the moment';
}

/** The server took the statement back whole, and answers others: it passes like a database that is away. */
export function isPassing(error: unknown): boolean {
  return PASSING_CODES.test(codeOf(error)) || isTooSlow(error);
}

/** By the time that a statement may take; one that a person cancels has the same code. */
function isTooSlow(error: unknown): boolean {
  return codeOf(error) === '57014' && error instanceof Error && /statement timeout/.test(error.message);
}

/** The disk of the database is full. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === '53100';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
