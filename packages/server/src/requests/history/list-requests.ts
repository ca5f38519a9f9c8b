// One page of a deployment's requests. Called by routes.ts. What fits may be rare among very many, so a call looks
// at stretches of the index until the page is full or its time is over; the cursor goes on from where it stopped.
import type { Queryable } from '../../db/database.ts';
import type { LiveIndex, LiveRequest } from '../live.ts';
import { liveStatusWord } from '../view.pure.ts';
import { type ListFilter, type ListRow, listByIds, listStretch, type Place, placeOf } from './history.sql.ts';

/** For all stretches of one call together. */
const PAGE_MS = 150;
const FIRST_STRETCH = 256;
const LONGEST_STRETCH = 8_192;

interface Deps {
  readonly db: Queryable;
  readonly live: LiveIndex;
}

export interface ListQuery extends ListFilter {
  /** Of unfinished requests: which of them. */
  readonly liveWord: 'in_queue' | 'in_progress' | undefined;
  readonly before: Place | undefined;
  readonly limit: number;
}

export interface ListedPage {
  readonly rows: readonly ListRow[];
  readonly next: Place | undefined;
}

export async function listRequests(deps: Deps, query: ListQuery): Promise<ListedPage> {
  const read = query.liveWord === undefined ? readTable(deps, query) : readMemory(deps, query);
  const { limit } = query;
  const until = performance.now() + PAGE_MS;
  const rows: ListRow[] = [];
  let before = query.before;
  let size = isFiltered(query) ? FIRST_STRETCH : limit + 1;
  do {
    const stretch = await read(before, size);
    rows.push(...stretch.rows);
    before = stretch.end;
    size = Math.min(LONGEST_STRETCH, size * 2);
  } while (rows.length <= limit && before !== undefined && performance.now() < until);
  const last = rows[limit - 1];
  const next = rows.length > limit && last ? placeOf(last) : before;
  return { rows: rows.slice(0, limit), next };
}

function isFiltered({ states, errorCode, labels }: ListQuery): boolean {
  return states !== undefined || errorCode !== undefined || labels.length > 0;
}

type Read = (before: Place | undefined, size: number) => Promise<{ rows: ListRow[]; end: Place | undefined }>;

function readTable({ db }: Deps, filter: ListFilter): Read {
  return (before, size) => listStretch(db, filter, { before, size });
}

// The living are in memory, and only there it is known whether one of them waits or runs.
function readMemory({ db, live }: Deps, query: ListQuery): Read {
  const found = [...live.all()].filter((request) => isWanted(query, request)).sort(newestFirst);
  return async (before, size) => {
    const from = before === undefined ? 0 : found.findIndex((request) => isOlder(request, before));
    const stretch = from < 0 ? [] : found.slice(from, from + size);
    const ids = stretch.map((request) => request.id);
    const rows = new Map((await listByIds(db, query, ids)).map((row) => [row.id, row]));
    const last = stretch.at(-1);
    const isCut = last !== undefined && from + size < found.length;
    return {
      rows: ids.flatMap((id) => rows.get(id) ?? []),
      end: isCut ? { createdAt: last.createdAt, id: last.id } : undefined,
    };
  };
}

function isWanted(query: ListQuery, request: LiveRequest): boolean {
  const { createdAfter = Number.NEGATIVE_INFINITY, createdBefore = Number.POSITIVE_INFINITY } = query;
  return (
    request.deploymentId === query.deploymentId &&
    liveStatusWord(request) === query.liveWord &&
    request.createdAt > createdAfter &&
    request.createdAt < createdBefore
  );
}

function newestFirst(a: LiveRequest, b: LiveRequest): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

function isOlder(request: LiveRequest, { createdAt, id }: Place): boolean {
  return request.createdAt < createdAt || (request.createdAt === createdAt && request.id < id);
}
