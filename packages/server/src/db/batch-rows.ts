// A batcher for rows that are only inserted, now and then in a burst: those of one turn share a statement, and one that
// the database refuses fails alone. Used by billing/meter.ts and instances/lives.ts.
import { type Batcher, createBatcher } from './batch.ts';
import { isDatabaseUnavailable } from './database-unavailable.ts';

/** `insert` must be harmless to repeat with some of the rows. */
export function createRowBatcher<Row>(insert: (rows: readonly Row[]) => Promise<void>): Batcher<Row, void> {
  return createBatcher<Row, void>({
    lanes: 1,
    flush: async (rows) => {
      await insert(rows);
      return rows.map(() => undefined);
    },
    isItemsFault: (error) => !isDatabaseUnavailable(error),
  });
}
