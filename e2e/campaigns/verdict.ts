// The end of a campaign: everything is given time to end, the service is killed once more so that only what is durable
// speaks, and the judge reads what the outside saw.
import { callApi, hangUp } from './call-api.ts';
import type { Callers } from './caller.ts';
import { findViolations } from './check-history.pure.ts';
import { waitUntil } from './child-process.ts';
import { readExecutions, readStrikes } from './evidence.ts';
import { readDatabase, readUnfinished } from './final-rows.ts';
import type { History, KeptFile, Leftover, Money, StoredFile, Violation } from './history.pure.ts';
import { observeResult } from './observe.ts';
import { SECRET_PREFIX } from './pictures.ts';
import type { Stage } from './stage.ts';
import { compareHoldings, findLeaks, type Holdings, readHoldings } from './traces-left.ts';

export interface Verdict {
  readonly submitted: number;
  readonly acknowledged: number;
  readonly runs: number;
  readonly lostAttempts: number;
  /** From the end of the storm until everything had ended. */
  readonly endedMs: number | undefined;
  readonly violations: readonly Violation[];
  /** Times over a bar: what a machine that is busy with other things can cause as well. */
  readonly late: readonly Violation[];
}

/** What is known only to the campaign. */
export type Circumstances = Partial<
  Pick<
    History,
    'excusedCodes' | 'isEachRunOnce' | 'measures' | 'standstills' | 'sendings' | 'orderSlack' | 'complaints'
  >
> & {
  readonly holdings?: Holdings | undefined;
  /** Ends what a campaign still has standing, when all requests have ended, and tells what is left. */
  readonly closing?: () => Promise<Pick<History, 'fleet'>>;
};

const ALL_ENDED_WITHIN_MS = 60_000;
const DELIVERED_WITHIN_MS = 60_000;
const LET_GO_WITHIN_MS = 20_000;
const LOOKS_AT_ONCE = 16;

export async function reachVerdict(
  stage: Stage,
  { callers, circumstances = {} }: { callers: Callers; circumstances?: Circumstances },
): Promise<Verdict> {
  const from = performance.now();
  const waited = await waitForEnds(stage, callers);
  const endedMs = waited.length === 0 ? performance.now() - from : undefined;
  const { holdings, closing, ...known } = circumstances;
  const leftovers = await untilLetGo(holdings, stage);
  const acknowledged = callers.submissions.filter((submission) => submission.acknowledged.length > 0);
  await observeWhatLasts(stage, callers);
  const closed = await closing?.();
  const { rows, openMeters, ledger, ...found } = await readDatabase(stage.database);
  const executions = readExecutions(stage.executionFiles);
  const money: Money = {
    ledger,
    balances: await readBalances(stage, callers),
    openMeters,
  };
  const history: History = {
    ...{ strikes: readStrikes(stage.executionFiles), ...known, ...found, ...closed, executions, money, leftovers },
    ...(await readStore(stage, found.files)),
    submissions: callers.submissions,
    // What had not ended in all that time counts as such, even if the last start brought it on its way.
    rows: rows.map((row) => (waited.includes(row.requestId) ? { ...row, state: 'queued' } : row)),
    receptions: stage.receiver.receptions,
    unexpectedEnds: stage.services.flatMap(({ unexpectedEnds }) => unexpectedEnds),
    leaks: findLeaks(stage.logFiles(), secretsOf(stage, callers)),
  };
  const judged = findViolations(history);
  return {
    submitted: callers.submissions.length,
    acknowledged: acknowledged.length,
    runs: executions.length,
    lostAttempts: found.attempts.filter(({ outcome }) => outcome === 'lost').length,
    endedMs,
    violations: judged.filter(({ kind }) => kind !== 'too late'),
    late: judged.filter(({ kind }) => kind === 'too late'),
  };
}

/** What is kept for a next call goes a while after the last one. */
async function untilLetGo(before: Holdings | undefined, stage: Stage): Promise<Leftover[]> {
  await hangUp();
  const look = () => compareHoldings(before, readHoldings(stage.service.pid()));
  await waitUntil(() => look().every(isWithin), LET_GO_WITHIN_MS, 500);
  return look();
}

const isWithin = ({ before, after, allowance }: Leftover) => after <= before + allowance;

/** The owner's token is shown once, by the first start. */
function secretsOf(stage: Stage, callers: Callers): string[] {
  const tokens = callers.submissions.map((submission) => callers.targetOf(submission).token);
  return [SECRET_PREFIX, ...new Set(tokens.filter((token) => token !== stage.token()))];
}

/** The requests that did not end in time, also those whose submit was never answered: nobody waits for them. */
async function waitForEnds(stage: Stage, callers: Callers): Promise<string[]> {
  await stage.service.whenReady();
  await callers.finish(ALL_ENDED_WITHIN_MS);
  const isOver = async () => (await readUnfinished(stage.database)).requests.length === 0;
  await waitUntil(isOver, ALL_ENDED_WITHIN_MS, 200);
  const { requests } = await readUnfinished(stage.database);
  await waitUntil(async () => (await readUnfinished(stage.database)).deliveries === 0, DELIVERED_WITHIN_MS, 200);
  return [...requests];
}

/** Whatever was only in memory is gone after this. */
async function observeWhatLasts(stage: Stage, callers: Callers): Promise<void> {
  for (const service of stage.services) {
    await service.kill();
    await service.whenReady();
  }
  const left = callers.submissions.filter(({ acknowledged }) => acknowledged.length > 0);
  const look = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const submission = next;
      await waitUntil(() => observeResult(callers.targetOf(submission), submission), 5_000);
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, look));
}

/** Only a storage that can be asked past the service. */
async function readStore({ store }: Stage, files: readonly StoredFile[]): Promise<Pick<History, 'kept'>> {
  if (store === undefined) return {};
  const kept: KeptFile[] = [];
  for (const storageKey of new Set(files.map((file) => file.storageKey))) {
    const found = storageKey === undefined ? undefined : await store.look(storageKey);
    if (storageKey !== undefined && found !== undefined) kept.push({ storageKey, ...found });
  }
  return { kept };
}

async function readBalances(stage: Stage, callers: Callers): Promise<Map<string, number>> {
  const balances = new Map<string, number>();
  for (const submission of callers.submissions) {
    const { account, ...api } = callers.targetOf(submission);
    if (balances.has(account)) continue;
    await waitUntil(async () => {
      const answer = await callApi({ ...api, baseUrls: stage.baseUrls }, '/balance');
      if (answer.kind === 'none' || answer.status !== 200) return false;
      balances.set(account, Number(answer.body['balance_microdollars']));
      return true;
    }, 5_000);
  }
  return balances;
}
