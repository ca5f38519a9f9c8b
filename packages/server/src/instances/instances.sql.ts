// Statements about instances at fixed addresses: their ids outlive restarts.
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export async function takeInstanceId(
  db: Queryable,
  row: { id: string; provider: string; address: string },
): Promise<string> {
  const rows = await db.query<{ id: string }>(sql`
    insert into instances (id, provider, address) values (${row.id}, ${row.provider}, ${row.address})
    on conflict (provider, address) do update set address = excluded.address returning id`);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('upsert of an instance returned no row');
  return id;
}
