// HTTP out of the timeline. `events` lies left of every domain, because each of them records here; so this file knows of
// an account only what the HTTP layer and the question "an administrator?" need.
import { ApiError, EventListQuery, PAGE_ITEMS_DEFAULT, readQuery, validationError } from '@comfleet/api';
import { type Cursor, readCursor, toMicros, writeCursor } from '../db/cursor.pure.ts';
import type { Database } from '../db/database.ts';
import { cursorProblem } from '../http/page-cursor.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import { listTimeline, type TimelineWish } from './timeline.sql.ts';
import { viewEvent } from './view.pure.ts';

interface Reader extends Caller {
  readonly role: 'admin' | 'member';
}

export function registerEventRoutes<A extends Reader>(routes: RouteServer<A>, { db }: { readonly db: Database }) {
  routes.serve('listEvents', async (call) => {
    const wish = readWish(call);
    const { limit } = wish;
    const rows = await listTimeline(db, { ...wish, limit: limit + 1 });
    const last = rows[limit - 1];
    const next = rows.length > limit && last ? { next_cursor: writeCursor(last) } : {};
    return { body: { data: rows.slice(0, limit).map(viewEvent), ...next } };
  });
}

function readWish({ query, account }: AccountCall<Reader>): TimelineWish {
  const asked = readQuery(EventListQuery, restorePlus(query));
  if (asked.kind === 'refused') throw validationError(asked.problems);
  const { value } = asked;
  if (value.all === true) requireAdmin(account);
  return {
    accountId: value.all === true ? undefined : account.id,
    isAdmin: account.role === 'admin',
    kind: value.kind,
    deploymentId: value.deployment_id,
    after: readInstant(value.created_after),
    before: readInstant(value.created_before),
    cursor: value.cursor === undefined ? undefined : requireCursor(value.cursor),
    limit: value.limit ?? PAGE_ITEMS_DEFAULT,
  };
}

function requireAdmin({ role, scopes }: Reader): void {
  if (role === 'admin' && scopes.includes('admin')) return;
  const message = 'all=true shows every account, which takes an administrator and a token with the scope admin.';
  throw new ApiError(403003, message, { hint: 'Leave "all" out to see the events of your own account.' });
}

const BOUNDS = ['created_after', 'created_before'];

/** An instant copied from an answer into a URL: its "+" says blank there unless it was escaped. */
function restorePlus(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const restored = Object.entries(query).map(([key, value]) =>
    BOUNDS.includes(key) && typeof value === 'string' ? [key, value.replace(/ (\d\d:?\d\d)$/, '+$1')] : [key, value],
  );
  return Object.fromEntries(restored);
}

/** The calendar of the database is shorter than JavaScript's at one end; nothing here is older or later than this. */
const LAST_MICROS = Date.UTC(2200, 0, 1) * 1000;

/** In microseconds; Date.parse knows only the first three digits of a fraction. */
function readInstant(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const beyond = /[.,]\d{3}(\d{1,3})/.exec(text)?.[1]?.padEnd(3, '0') ?? '0';
  return Math.min(LAST_MICROS, Math.max(0, toMicros(Math.floor(Date.parse(text))) + Number(beyond)));
}

function requireCursor(text: string): Cursor {
  const cursor = readCursor(text);
  if (cursor !== undefined && cursor.micros <= LAST_MICROS) return cursor;
  throw validationError([cursorProblem(text)]);
}
