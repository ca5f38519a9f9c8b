// After a start, or when this replica became the brain: the requests that have not ended are read from the database and go
// on where they were. First what was given out; then what waits, by priority and in queue order, so that the first of them
// can be given out while the rest is still read. Called by brain.ts.

import type { Database } from '../../db/database.ts';
import { persist } from '../../db/persist.ts';
import { countWaiting, readWaitingPage, type WaitingPage } from '../../requests/backlog.sql.ts';
import { listLeased, listWaiting, listWaitingAfter, readSeqMark, type SeqMark } from '../../requests/recover.sql.ts';
import { crashPoint } from '../../telemetry/crash-point.ts';
import { type EnterDeps, enterWaiting, isNew } from './enter-waiting.ts';
import { type ResumeDeps, resumeLeased } from './resume-leased.ts';

export type RecoverDeps = EnterDeps & ResumeDeps & { readonly db: Database; readonly pages?: BacklogPages | undefined };

/** Of so many requests each; `before`: what a page waits for before it is taken in. */
export interface BacklogPages {
  readonly first: number;
  readonly others: number;
  readonly before?: () => Promise<void>;
}

export interface Recovered {
  /** What was there at it is read; what comes later is not. */
  readonly mark: SeqMark;
  /** To be called once the first are given out. Resolves when everything is in memory, or the work has ended here. */
  readRest(): Promise<void>;
}

/** The first page is there soon; the others take less time for each request. */
const PAGES: BacklogPages = { first: 500, others: 2_500 };

/** Resolves once the first can be given out. `signal`: the rest is no longer wanted. */
export async function recoverRequests(deps: RecoverDeps, signal: AbortSignal): Promise<Recovered> {
  const { backlog } = deps.dispatcher;
  // What comes later is this process's own, or told of by the replica that accepted it.
  const mark = await persist(() => readSeqMark(deps.db));
  const { top } = mark;
  const [leased, counts] = await persist(() => Promise.all([listLeased(deps.db, top), countWaiting(deps.db, top)]));
  backlog.expect(counts);
  await deps.simulator?.recall(leased.map(({ id }) => id));
  crashPoint('before-recovery');
  const resumed = await resumeLeased(deps, leased);
  const priorities = [...new Set(counts.map(({ priority }) => priority))].sort((a, b) => b - a);
  const pages = readPages(deps, { priorities, top });
  let waiting = await takePage(deps, pages);
  async function readRest(): Promise<void> {
    while (!signal.aborted) {
      const count = await takePage(deps, pages);
      if (count === 0) break;
      waiting += count;
    }
    if (signal.aborted) return;
    const order = await keepLate(deps, top);
    for (const request of backlog.end(order)) deps.dispatcher.restoreWaiting(request);
    crashPoint('after-recovery');
    if (waiting + resumed > 0) deps.log.info({ waiting, leased: resumed }, 'requests of an earlier start go on');
  }
  return { mark, readRest };
}

/** What other replicas accepted meanwhile joins what was accepted here. Gives the ids of all of them, in queue order. */
async function keepLate(deps: RecoverDeps, top: number): Promise<string[]> {
  const { db, dispatcher, simulator, writes } = deps;
  await persist(() => writes.forgetRefused());
  const ids = await persist(() => listWaitingAfter(db, top));
  const unknown = ids.filter((id) => isNew(deps, id));
  if (unknown.length === 0) return ids;
  const rows = await persist(() => listWaiting(db, unknown));
  await simulator?.recall(unknown);
  await persist(() => enterWaiting(deps, rows, dispatcher.backlog.keep));
  return ids;
}

interface WhichPages {
  readonly priorities: readonly number[];
  readonly top: number;
}

/** Pages that are not empty. The next one is read while one is taken in. */
async function* readPages(
  { db, pages = PAGES }: RecoverDeps,
  { priorities, top }: WhichPages,
): AsyncGenerator<WaitingPage> {
  let limit = pages.first;
  for (const priority of priorities) {
    const read = (after: number) => {
      const which = { priority, after, top, limit };
      const page = persist(() => readWaitingPage(db, which));
      page.catch(() => undefined); // whoever awaits it hears of it
      return page;
    };
    let reading: Promise<WaitingPage> | undefined = read(0);
    while (reading !== undefined) {
      const page: WaitingPage = await reading;
      limit = pages.others;
      reading = page.next === undefined ? undefined : read(page.next);
      if (page.rows.length > 0) yield page;
    }
  }
}

/** How many there were; 0 when there are no more. */
async function takePage(deps: RecoverDeps, pages: AsyncGenerator<WaitingPage>): Promise<number> {
  const { value } = await pages.next();
  if (value === undefined) return 0;
  const { rows }: WaitingPage = value;
  await deps.pages?.before?.();
  await deps.simulator?.recall(rows.map(({ id }) => id));
  // Nothing is taken in when their deployments could not be read.
  await persist(() => enterWaiting(deps, rows));
  return rows.length;
}
