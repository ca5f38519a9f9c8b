// Statements about the timeline. Whoever changes something records it in the same transaction (recordEvent).
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

/** A field's value before and after an edit; never a secret. */
export type Changes = Readonly<Record<string, { readonly old: unknown; readonly new: unknown }>>;

export interface NewEvent {
  /** Undefined: it concerns every account's instances (a shared pool). */
  readonly accountId: string | undefined;
  /** `<noun>.<verb>`: deployment.created, instance.lost, token.revoked, … */
  readonly kind: string;
  readonly subjectId?: string | undefined;
  readonly deploymentId?: string | undefined;
  /** The token that did it; undefined when the service itself did. */
  readonly tokenId?: string | undefined;
  /** One sentence for a person. */
  readonly message: string;
  readonly changes?: Changes | undefined;
}

export async function recordEvent(tx: Queryable, event: NewEvent): Promise<void> {
  await tx.query(sql`
    insert into events (account_id, kind, subject_id, deployment_id, token_id, message, changes)
    values (${event.accountId ?? null}, ${event.kind}, ${event.subjectId ?? null}, ${event.deploymentId ?? null},
      ${event.tokenId ?? null}, ${event.message}, ${event.changes === undefined ? null : JSON.stringify(event.changes)})`);
}

/** A batch of what is old of the comings and goings of instances, which never end; edits are kept. How many. */
export async function deleteOldInstanceEvents(
  db: Queryable,
  bound: { readonly before: number; readonly limit: number },
): Promise<number> {
  const rows = await db.query(sql`
    delete from events where ctid in (
      select ctid from events where created_at < to_timestamp(${bound.before}::float8 / 1000)
        and starts_with(kind, 'instance.') limit ${bound.limit})
    returning id`);
  return rows.length;
}
