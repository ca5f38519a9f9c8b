// What a conversion found: problems that refuse the file, and warnings beside a graph. Filled by every file of this folder.

import type { Problem } from '../graph/problem.ts';

export type Place = readonly (string | number)[];

export interface Report {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** A hostile file could name a million faults; these are enough to work through. */
const MAX_LISTED = 200;

export function createReport(): Report {
  return { problems: [], warnings: [] };
}

export function refuse(report: Report, at: Place, type: string, msg: string) {
  if (report.problems.length < MAX_LISTED) report.problems.push({ loc: [...at], msg, type });
}

export function warn(report: Report, at: Place, type: string, msg: string) {
  if (report.warnings.length < MAX_LISTED) report.warnings.push({ loc: [...at], msg, type });
}
