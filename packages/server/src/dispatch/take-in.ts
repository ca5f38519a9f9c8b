// Requests that other replicas accepted, and wishes to cancel that reached them: taken in as they are told of, and looked
// for every two seconds, in case nobody could tell. Made in app-replicas.ts, runs on the brain only.
import type { Funds } from '../billing/funds.ts';
import type { Database } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { DeploymentDirectory } from '../deployments/directory.ts';
import { judgeRunning } from '../requests/end-refused.ts';
import type { LiveIndex, StopWish } from '../requests/live.ts';
import type { RecentlyEnded } from '../requests/recently-ended.ts';
import {
  type LiveRow,
  listCancelWishes,
  listWaiting,
  listWaitingAfter,
  readSeqMark,
  type SeqMark,
} from '../requests/recover.sql.ts';
import { tellStart } from '../requests/tell-start.ts';
import type { RequestWrites } from '../requests/writes.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import type { Dispatcher } from './dispatcher.ts';
import { restoreRequest } from './restore-request.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly writes: RequestWrites;
  readonly directory: DeploymentDirectory;
  readonly dispatcher: Dispatcher;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
}

export interface TakeIn {
  /** Undefined: look for yourself. */
  requests(ids: readonly string[] | undefined): Promise<void>;
  cancels(ids: readonly string[] | undefined): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

const POLL_MS = 2_000;
/** A transaction that took its place in the order and has no id yet gets one long before. */
const MARK_POLLS = 2;

export function createTakeIn(deps: Deps): TakeIn {
  let isOn = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let known = 0;
  let marks: SeqMark[] = [];

  /** One after another: two looks must not take in the same row. */
  function inTurn(act: () => Promise<void>): Promise<void> {
    turn = turn.then(async () => {
      if (!isOn) return;
      try {
        await act();
      } catch (error) {
        // The poll looks again.
        if (!isDatabaseUnavailable(error)) deps.log.error(describeError(error), 'requests could not be taken in');
      }
    });
    return turn;
  }

  const look = () =>
    inTurn(async () => {
      await deps.writes.forgetRefused();
      const mark = await readSeqMark(deps.db);
      const ids = await listWaitingAfter(deps.db, known);
      await takeIn(deps, ids);
      marks.push(mark);
      // Everything up to a mark has been seen once all transactions of its time are over.
      while (marks.length > MARK_POLLS && marks[0] !== undefined && mark.xmin >= marks[0].xmax) {
        known = marks[0].top;
        marks = marks.slice(1);
      }
    });

  function pollSoon(): void {
    timer = setTimeout(() => void look().then(() => isOn && pollSoon()), POLL_MS);
    timer.unref();
  }

  return {
    requests: (ids) => (ids === undefined ? look() : inTurn(() => takeIn(deps, ids))),
    cancels: (ids) =>
      inTurn(async () => {
        for (const id of await listCancelWishes(deps.db, ids)) {
          const request = deps.live.get(id);
          if (request && request.stop === undefined) deps.dispatcher.stopRequest(request, { kind: 'cancel' });
        }
      }),
    start() {
      isOn = true;
      void look();
      pollSoon();
    },
    async stop() {
      isOn = false;
      clearTimeout(timer);
      await turn;
    },
  };
}

async function takeIn(deps: Deps, ids: readonly string[]): Promise<void> {
  const isNew = (id: string) => deps.live.get(id) === undefined && deps.recent.get(id) === undefined;
  const unknown = ids.filter(isNew);
  if (unknown.length === 0) return;
  const rows = await listWaiting(deps.db, unknown);
  const wishes = new Map<string, StopWish | undefined>();
  for (const { deployment_id: id } of rows) {
    if (wishes.has(id)) continue;
    const deployment = await deps.directory.find(id);
    wishes.set(id, deployment && judgeRunning(deployment));
  }
  for (const row of rows) if (isNew(row.id)) enter(deps, row, wishes.get(row.deployment_id));
}

function enter(deps: Deps, row: LiveRow, wish: StopWish | undefined): void {
  const request = restoreRequest(row, deps.funds);
  request.stop ??= wish;
  deps.live.add(request);
  if (row.webhook_intermediate) tellStart(deps, request);
  deps.dispatcher.restoreWaiting(request);
}
