// Why a JSON text was not read, and the limits it may break. Thrown by parseJson; its callers answer with it.

export interface JsonLimits {
  maxDepth?: number;
  /** Per object; a duplicate key counts once and its last value wins. */
  maxKeys?: number;
}

export type JsonFault = 'syntax' | 'too_deep' | 'too_many_keys' | 'number_too_long';

/** Why a text could not be read, and where: `position` counts characters from 0, `line` and `column` from 1. */
export class JsonError extends Error {
  readonly kind: JsonFault;
  readonly position: number;
  readonly line: number;
  readonly column: number;
  readonly excerpt: string;

  constructor(fault: { kind: JsonFault; what: string; cause?: unknown }, at: { text: string; position: number }) {
    const { text, position } = at;
    const before = text.slice(0, position);
    const line = before.split('\n').length;
    const column = position - before.lastIndexOf('\n');
    super(`${fault.what} at line ${line}, column ${column}`, fault.cause === undefined ? {} : { cause: fault.cause });
    this.name = 'JsonError';
    this.kind = fault.kind;
    this.position = position;
    this.line = line;
    this.column = column;
    this.excerpt = text.slice(Math.max(0, position - 20), position + 20);
  }
}

export function isJsonError(cause: unknown): cause is JsonError {
  return cause instanceof JsonError;
}
