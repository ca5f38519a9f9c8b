// What is wrong with a graph and where; made by every graph function, shown to the caller as it is.

import type { JsonValue } from '../json.ts';

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
