// Requests that other replicas accepted, and wishes to cancel that reached them: taken in as they are told of, and looked
// for every two seconds, in case nobody could tell. Made by brain.ts, runs on the brain only.
import { isDatabaseUnavailable } from '../../db/database-unavailable.ts';
import {
  listCancelWishes,
  listWaiting,
  listWaitingAfter,
  listWaitingSince,
  readSeqMark,
  type SeqMark,
} from '../../requests/recover.sql.ts';
import type { RequestWrites } from '../../requests/writes.ts';
import { describeError } from '../../telemetry/log.ts';
import { type EnterDeps, enterWaiting, isNew } from './enter-waiting.ts';

type Deps = EnterDeps & { readonly writes: RequestWrites };

export interface TakeIn {
  /** Undefined: look for yourself. */
  requests(ids: readonly string[] | undefined): Promise<void>;
  cancels(ids: readonly string[] | undefined): Promise<void>;
  /** `read`: the mark that the start read its backlog by. */
  start(read: SeqMark): void;
  stop(): Promise<void>;
}

const POLL_MS = 2_000;
/** A transaction that took its place in the order and has no id yet gets one long before. */
const MARK_POLLS = 2;

export function createTakeIn(deps: Deps): TakeIn {
  let isOn = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let list = async (): Promise<string[]> => [];
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
      const ids = await list();
      await takeIn(deps, ids);
      marks.push(mark);
      // Everything up to a mark has been seen once all transactions of its time are over.
      while (marks.length > MARK_POLLS && marks[0] !== undefined && mark.xmin >= marks[0].xmax) {
        const { top } = marks[0];
        list = () => listWaitingAfter(deps.db, top);
        marks = marks.slice(1);
      }
    });

  const cancels = (ids: readonly string[] | undefined) =>
    inTurn(async () => {
      for (const id of await listCancelWishes(deps.db, ids)) {
        const request = deps.live.get(id);
        if (request && request.stop === undefined) deps.dispatcher.stopRequest(request, { kind: 'cancel' });
      }
    });

  function pollSoon(): void {
    const poll = async () => {
      void look();
      await cancels(undefined);
      if (isOn) pollSoon();
    };
    timer = setTimeout(() => void poll(), POLL_MS);
    timer.unref();
  }

  return {
    requests: (ids) => (ids === undefined ? look() : inTurn(() => takeIn(deps, ids))),
    cancels,
    start(read) {
      isOn = true;
      list = () => listWaitingSince(deps.db, read);
      marks = [read];
      void look();
      void cancels(undefined);
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
  const unknown = ids.filter((id) => isNew(deps, id));
  if (unknown.length > 0) await enterWaiting(deps, await listWaiting(deps.db, unknown));
}
