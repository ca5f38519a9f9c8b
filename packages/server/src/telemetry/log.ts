// The structured log: one JSON line an event, on stderr so that stdout stays for what a person asked for. Called by app.ts.
// Only fields named at the call are written, and each text passes redact(): a secret inside a message of somebody
// else's (a driver, a URL that could not be fetched) stays out as well.
import { pino } from 'pino';
import { createLineWriter, type LineWriter } from './line-writer.ts';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Written while the service goes on; what is not written yet is written when the process ends, but for a kill -9. */
export function createLog(level: string): Log {
  return createLogTo(level, standardError());
}

let writer: LineWriter | undefined;

/** One for the process: lines of several must not be mixed. */
function standardError(): LineWriter {
  if (writer !== undefined) return writer;
  const made = createLineWriter(2, { onLost: (lines) => createLogTo('warn', made).warn({ lines }, LOST) });
  writer = made;
  process.once('exit', () => made.end());
  return made;
}

const LOST = 'Lines of this log are missing: they could not be written';

/** The same, to anything that takes lines. */
export function createLogTo(level: string, destination: { write(line: string): unknown }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { log: redactFields },
    // pino's own would write every property that a driver hangs on an error, values of a statement among them.
    serializers: { err: (error: unknown) => error },
  };
  return pino(options, destination);
}

/** What a log line may say of a thrown thing. */
export function describeError(error: unknown): { error: string; stack?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  return error.stack === undefined ? { error: error.message } : { error: error.message, stack: error.stack };
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    const shown = NEVER.test(key) ? '[redacted]' : redactValue(value);
    if (shown === value) continue;
    copy ??= { ...fields };
    copy[key] = shown;
  }
  return copy ?? fields;
}

/** Names of fields that no line has a use for. */
const NEVER = /^(authorization|token|secret|password|extra_?data|body)$/i;

function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (value instanceof Error) {
    const { error, stack } = describeError(value);
    const code = 'code' in value ? { code: value.code } : {};
    return {
      type: value.name,
      message: redact(error),
      ...code,
      ...(stack === undefined ? {} : { stack: redact(stack) }),
    };
  }
  if (typeof value !== 'object' || value === null) return value;
  const text = JSON.stringify(value);
  const redacted = redact(text);
  return redacted === text ? value : redacted;
}

/** Shorter texts, the ids of every line, hold no secret. */
const SHORT_CHARACTERS = 37;
const MAY_HOLD_SECRET = /[?@]|cf_|whsec_|bearer |data:/i;

/** A text without tokens, data URIs, and the queries and passwords of URLs. */
export function redact(text: string): string {
  if (text.length < SHORT_CHARACTERS || !MAY_HOLD_SECRET.test(text)) return text;
  return text
    .replace(/\bbearer\s+[^\s"',]+/gi, 'Bearer [redacted]')
    .replace(/\b(cf_|whsec_)[A-Za-z0-9+/=_-]{8,}/g, '$1[redacted]')
    .replace(/\bdata:[a-z0-9.+/;=-]{0,200},[A-Za-z0-9+/=%_-]*/gi, 'data:[redacted]')
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]*@/gi, '$1[redacted]@')
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#"']*)\?[^\s"']*/gi, '$1?[redacted]');
}
