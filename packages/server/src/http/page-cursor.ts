// A list's `cursor` → where its next page begins, or 422001. Called by the routes.ts of lists in the order of time.
import { type Problem, validationError } from '@comfleet/api';
import { type Cursor, readCursor } from '../db/cursor.pure.ts';
import { isUuid } from '../telemetry/new-id.ts';

/** Where a page of rows with a UUID begins; undefined without a cursor. */
export function requireCursor(text: string | undefined): Cursor | undefined {
  const cursor = text === undefined ? undefined : readRowCursor(text);
  if (text !== undefined && cursor === undefined) throw validationError([cursorProblem(text)]);
  return cursor;
}

/** undefined: not one of ours. */
export function readRowCursor(text: string): Cursor | undefined {
  const cursor = readCursor(text);
  return cursor !== undefined && isUuid(cursor.id) ? cursor : undefined;
}

export function cursorProblem(text: string): Problem {
  const msg = 'This cursor is not one that a list of this kind returned.';
  return { loc: ['query', 'cursor'], msg, type: 'invalid_cursor', input: text.slice(0, 100) };
}
