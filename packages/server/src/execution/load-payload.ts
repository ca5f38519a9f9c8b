// A request's payload for its attempt: from memory, or read back when memory let go of it and after a restart. Called by
// run.ts.
import { type Batcher, createBatcher } from '../db/batch.ts';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { LiveRequest } from '../requests/live.ts';
import { type RequestPayload, restorePayload } from '../requests/payload.ts';
import { findPayloads, type PayloadRow } from '../requests/requests.sql.ts';
import type { Versions } from '../workflows/versions.ts';
import type { Attempt } from './attempt.ts';
import type { Turn } from './turn.ts';

interface Deps {
  readonly db: Database;
  readonly versions: Versions;
}

type Given = Pick<Attempt, 'request' | 'turn'>;

/** Of each instance: the last read that is under way for it. */
const readsOfTurn = new WeakMap<Turn, Promise<unknown>>();

/** At once, unless it is to be read, or one that was given to the instance earlier still is. */
export function nextPayload({ request, turn }: Given): RequestPayload | undefined {
  return readsOfTurn.has(turn) ? undefined : request.payload;
}

/** Those of one instance in the order in which they were given to it: no prompt goes out earlier for having been in memory. */
export async function loadInTurn(deps: Deps, { request, turn }: Given): Promise<RequestPayload> {
  const earlier = readsOfTurn.get(turn);
  const own = request.payload ?? loadPayload(deps, request);
  const both = Promise.allSettled([own, earlier]);
  readsOfTurn.set(turn, both);
  await both;
  if (readsOfTurn.get(turn) === both) readsOfTurn.delete(turn);
  return await own;
}

export async function loadPayload(deps: Deps, request: LiveRequest): Promise<RequestPayload> {
  // A restart of the database must not fail an accepted request.
  const version = await persist(() => deps.versions.load(request.versionId));
  const row = await readsOf(deps.db).add(request.id);
  if (version === undefined || row === undefined) throw new Error('the payload of an accepted request is missing');
  return restorePayload(version, { body: row.body, extraData: row.extra_data });
}

type PayloadReads = Batcher<string, PayloadRow | undefined>;

const readsByDatabase = new WeakMap<Database, PayloadReads>();
/** Some are large. */
const MOST_IN_ONE_READ = 16;

// What is given out in one turn is read together, and comes in that order: prompts go out as their payloads are there.
function readsOf(db: Database): PayloadReads {
  const known = readsByDatabase.get(db);
  if (known) return known;
  const made = createBatcher<string, PayloadRow | undefined>({
    lanes: 1,
    maxItems: MOST_IN_ONE_READ,
    flush: async (ids) => {
      const rows = await persist(() => findPayloads(db, ids));
      const byId = new Map(rows.map((row) => [row.request_id, row]));
      return ids.map((id) => byId.get(id));
    },
  });
  readsByDatabase.set(db, made);
  return made;
}
