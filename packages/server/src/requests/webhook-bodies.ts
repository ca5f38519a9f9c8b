// What webhooks say, read when they are sent: the result as its route gives it, in the words of the submit's version. Given
// to webhooks/ by app.ts.
import type { Queryable } from '../db/database.ts';
import type { DeliveryEvent } from '../webhooks/schedule.pure.ts';
import { findWebhookRows, type WebhookRow } from './requests.sql.ts';
import { type ViewContext, viewWebhook } from './view.pure.ts';

interface Deps {
  readonly db: Queryable;
  readonly cancelledWord: ViewContext['cancelledWord'];
}

interface Wanted {
  readonly requestId: string;
  readonly event: DeliveryEvent;
}

/** JSON texts, in order; undefined where the request is no longer kept. */
export function createWebhookBodies({ db, cancelledWord }: Deps) {
  return async (wanted: readonly Wanted[]): Promise<(string | undefined)[]> => {
    const ids = [...new Set(wanted.map(({ requestId }) => requestId))];
    const rows = new Map((await findWebhookRows(db, ids)).map((row) => [row.id, row]));
    return wanted.map(({ requestId, event }) => {
      const row = rows.get(requestId);
      if (row === undefined) return undefined;
      return viewWebhook(contextOf(row, cancelledWord), row, event);
    });
  };
}

function contextOf(row: WebhookRow, cancelledWord: ViewContext['cancelledWord']): ViewContext {
  const [, base = '', version] = /^(.*)\/prod\/(v[12])$/s.exec(row.webhook_base ?? '') ?? [];
  return { base, version: version === 'v1' ? 'v1' : 'v2', cancelledWord };
}
