// What is wrong with a graph and where; made by every graph function, shown to the caller as it is.

import { type JsonValue, stringifyJson } from '../json.ts';

export interface Problem {
  loc: (string | number)[];
  msg: string;
  /** ComfyUI's own error type where there is one. */
  type: string;
  input?: JsonValue;
  /** Existing names close to the one that is not known. */
  nearest?: string[];
}

/** The same problem seen from further out. */
export function prefixProblem(problem: Problem, prefix: readonly (string | number)[]): Problem {
  return { ...problem, loc: [...prefix, ...problem.loc] };
}

const SHOWN_CHARS = 1_000;

/** The faulty value as a problem shows it: a data URI of megabytes or a huge list is not sent back whole. */
export function showInput(value: JsonValue | undefined): { input?: JsonValue } {
  if (value === undefined) return {};
  if (typeof value === 'string') {
    return { input: value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}…` : value };
  }
  const isShort = typeof value !== 'object' || stringifyJson(value).length <= SHOWN_CHARS;
  return isShort ? { input: value } : {};
}
