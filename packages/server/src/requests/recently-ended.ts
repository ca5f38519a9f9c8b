// Requests that ended a moment ago, as their rows: whoever waited for one, or polls on, is answered without a read.
// Filled by finish.ts, read by lookup.ts. Terminal rows never change, so nothing here can be stale.
import type { RequestRow } from './requests.sql.ts';

const KEPT = 5_000;
const KEPT_BYTES = 8 * 1024 * 1024;
const ROW_BYTES = 500;

export interface RecentlyEnded {
  add(row: RequestRow): void;
  get(id: string): RequestRow | undefined;
}

export function createRecentlyEnded(): RecentlyEnded {
  const rows = new Map<string, RequestRow>();
  let heldBytes = 0;

  function dropOldest() {
    const oldest = rows.values().next().value;
    if (oldest === undefined) return;
    rows.delete(oldest.id);
    heldBytes -= sizeOf(oldest);
  }

  return {
    add(row) {
      rows.set(row.id, row);
      heldBytes += sizeOf(row);
      while (rows.size > KEPT || heldBytes > KEPT_BYTES) dropOldest();
    },
    get: (id) => rows.get(id),
  };
}

function sizeOf(row: RequestRow): number {
  return ROW_BYTES + 2 * ((row.outputs?.length ?? 0) + (row.error?.length ?? 0));
}
