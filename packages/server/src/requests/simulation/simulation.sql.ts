// Which unfinished requests an earlier start of a sandbox simulated. Called by simulator.ts.

import { uuidArray } from '../../db/binary-arrays.ts';
import type { Queryable } from '../../db/database.ts';
import { sql } from '../../db/sql.ts';

/** The label is the one of wish.pure.ts. */
export async function listSimulated(
  db: Queryable,
  requestIds: readonly string[],
): Promise<{ request_id: string; value: string }[]> {
  return await db.query<{ request_id: string; value: string }>(sql`
    select request_id, value from request_labels
    where label = 'comfleet-simulate' and request_id = any(${uuidArray(requestIds)}::uuid[])`);
}
