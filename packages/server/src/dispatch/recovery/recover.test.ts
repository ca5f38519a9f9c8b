// A start that reads its backlog: when the database goes away and comes back in the middle of it, and when requests are
// accepted meanwhile, here and by other replicas.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../../testing/make-live-request.ts';
import type { Database } from '../../db/database.ts';
import { DatabaseUnavailable } from '../../db/database-unavailable.ts';
import type { Sql } from '../../db/sql.ts';
import { createLiveIndex, type LiveRequest } from '../../requests/live.ts';
import { createSimulator } from '../../requests/simulation/simulator.ts';
import { createBacklog } from '../backlog.ts';
import { type RecoverDeps, recoverRequests } from './recover.ts';

const away = () => new DatabaseUnavailable(true, { cause: new Error('Connection terminated unexpectedly') });

/** What a statement with these words gives; the others give nothing. */
type Answers = readonly (readonly [words: RegExp, rows: () => readonly object[]])[];

function databaseOf(answers: Answers): Database {
  const query = async ({ text }: Sql) => answers.find(([words]) => words.test(text))?.[1]() ?? [];
  return { query } as unknown as Database;
}

const READ = '00000000-0000-4000-8000-000000000001';
const MARK = { top: 10, xmin: 1, xmax: 1 };
const KIND = {
  account_id: 'a1',
  deployment_id: 'd1',
  version_id: 'v1',
  state: 'queued',
  priority: 0,
  epoch: 0,
  losses: 0,
};
const PAGE = { ...KIND, ids: READ, places: '1', times: '1' };

const BACKLOG: Answers = [
  [/requests_seq_seq/, () => [MARK]],
  [/min\(created_at\)/, () => [{ deployment_id: 'd1', priority: 0, count: 1, first_at: 1 }]],
  [/string_agg/, () => [PAGE]],
];

function makeDeps(db: Database, more: object = {}) {
  const queued: LiveRequest[] = [];
  const backlog = createBacklog();
  backlog.begin();
  const deps = {
    clock: { now: () => 0 },
    db,
    live: createLiveIndex(),
    recent: { get: () => undefined },
    directory: { find: async () => undefined },
    dispatcher: { backlog, restoreWaiting: (request: LiveRequest) => void queued.push(request) },
    writes: { forgetRefused: async () => undefined },
    log: { info: () => undefined },
    maxAttempts: 3,
    ...more,
  } as unknown as RecoverDeps;
  return { deps, queued, backlog };
}

const idsOf = (requests: readonly LiveRequest[]) => requests.map(({ id }) => id);

/** Fails once. */
function onceAway(): () => readonly object[] {
  let isAway = true;
  return () => {
    if (!isAway) return [];
    isAway = false;
    throw away();
  };
}

it('goes on when the database goes away between a page and its deployments', async () => {
  const fail = onceAway();
  const find = async () => void fail();
  const { deps, queued } = makeDeps(databaseOf(BACKLOG), { directory: { find } });
  await recoverRequests(deps, new AbortController().signal);
  expect(idsOf(queued)).toEqual([READ]);
});

it('goes on when the database goes away while it is asked what was simulated', async () => {
  const fail = onceAway();
  const db = databaseOf([...BACKLOG, [/request_labels/, fail]]);
  const simulator = createSimulator({ db } as unknown as Parameters<typeof createSimulator>[0]);
  const { deps, queued } = makeDeps(db, { simulator });
  await recoverRequests(deps, new AbortController().signal);
  expect(idsOf(queued)).toEqual([READ]);
});

it('puts what other replicas accepted meanwhile among what was accepted here, as they came', async () => {
  const ids = [1, 2, 3, 4].map((n) => `00000000-0000-4000-8000-00000000001${n}`);
  const [own = '', another = '', later = '', tooLate = ''] = ids;
  const db = databaseOf([
    ...BACKLOG,
    [/select id from requests .* seq > /, () => [{ id: own }, { id: another }, { id: later }]],
    [/r\.state = 'queued' order by r\.seq/, () => [{ ...KIND, id: another, created_at: 3, cancel_requested_at: null }]],
  ]);
  const { deps, queued, backlog } = makeDeps(db);
  const { readRest } = await recoverRequests(deps, new AbortController().signal);
  for (const id of [own, tooLate, later]) {
    const request = makeLiveRequest({ id });
    deps.live.add(request);
    backlog.keep(request);
  }
  await readRest();
  expect(idsOf(queued)).toEqual([READ, own, another, later, tooLate]);
  expect(deps.live.get(another)).toBe(queued[2]);
});
