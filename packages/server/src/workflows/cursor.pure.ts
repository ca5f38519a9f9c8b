// Page cursors: opaque to callers, two fields to us. Called by routes.ts.

/** undefined: not one of ours. More digits of milliseconds would be an instant that the database does not know. */
export function readCursor(cursor: string): { createdAt: number; id: string } | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)_([0-9a-f-]{36})$/.exec(cursor);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { createdAt: Number(match[1]), id: match[2] };
}

export function writeCursor(row: { created_at: number; id: string }): string {
  return `${row.created_at}_${row.id}`;
}
