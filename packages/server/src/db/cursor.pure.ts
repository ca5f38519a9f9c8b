// Page cursors of lists in the order of time: opaque to callers, an instant and an id to us. Called by routes.ts files.

export interface Cursor {
  /** Microseconds since 1970: as exact as the database's own instants. */
  readonly micros: number;
  readonly id: string;
}

/** undefined: not one of ours. */
export function readCursor(cursor: string): Cursor | undefined {
  const match = /^(\d{1,16})_([0-9a-f-]{1,36})$/.exec(cursor);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { micros: Number(match[1]), id: match[2] };
}

export function writeCursor(row: { readonly created_at: number; readonly id: string }): string {
  return `${toMicros(row.created_at)}_${row.id}`;
}

/** Of milliseconds whose fraction is microseconds, as rows have them. */
export function toMicros(ms: number): number {
  return Math.round(ms * 1000);
}
