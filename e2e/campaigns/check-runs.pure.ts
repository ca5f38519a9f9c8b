// The judge's part about runs: what back ends began, against the attempts and requests on record (invariants 4, 5, 8, 14),
// and how soon a standstill was noticed. Called by check-history.pure.ts.
import { groupBy } from './group-by.pure.ts';
import type { Attempt, Execution, History, Observation, Submission, Violation } from './history.pure.ts';

export const MAX_ATTEMPTS = 3;
const NOTICED_WITHIN_MS = 30_000;
/** What had been sent to a back end before the cancel may still begin there within this time. */
const CANCEL_SETTLES_MS = 2_000;
/** Whoever watches a line reads what went by and the answer to the cancel in one turn, in any order. */
const ONE_TURN_MS = 50;

export const hex = (colour: number) => colour.toString(16).padStart(6, '0');

export function findBadRuns(history: History): Violation[] {
  return [
    ...findRepeatedRuns(history),
    ...findNeedlessRuns(history),
    ...findUnrecordedRuns(history),
    ...findInventedResults(history),
    ...findTwoResults(history),
    ...findOvertaken(history),
    ...findUnheededCancels(history),
    ...findLateNotices(history),
    ...findSpreadPoison(history),
  ];
}

// Between two runs of one picture, the loss of the earlier attempt has to be on record. The earlier attempt may well run
// last: on an instance that stood still with its prompt.
function findRepeatedRuns({ executions, attempts }: History): Violation[] {
  const known = new Map(attempts.map((attempt) => [attempt.promptId, attempt]));
  const violations: Violation[] = [];
  for (const [colour, runs] of byColour(executions)) {
    const ordered = orderRuns(runs, known);
    for (const [index, run] of ordered.entries()) {
      const next = ordered[index + 1];
      if (next === undefined) break;
      const why = run.promptId === next.promptId ? 'it is one prompt' : judgeLoss(known.get(run.promptId), next);
      if (why === undefined) continue;
      const message = `#${hex(colour)} ran as prompt ${run.promptId} and again as ${next.promptId}: ${why}`;
      violations.push({ kind: 'run twice without a recorded loss', message });
    }
    if (runs.length > MAX_ATTEMPTS)
      violations.push({ kind: 'run too often', message: `#${hex(colour)} ran ${runs.length} times` });
  }
  return violations;
}

/** Why the next run should not have been; undefined when it may. */
function judgeLoss(attempt: Attempt | undefined, next: Execution): string | undefined {
  if (attempt?.outcome !== 'lost') return 'no loss is recorded';
  return attempt.endedAt <= next.startedAt ? undefined : 'the loss was recorded only later';
}

/** By the epochs of their attempts where all are on record, else as they began. */
function orderRuns(runs: readonly Execution[], known: ReadonlyMap<string | undefined, Attempt>): Execution[] {
  const epochOf = ({ promptId }: Execution) => known.get(promptId)?.epoch;
  const begun = runs.toSorted((a, b) => a.startedAt - b.startedAt);
  if (begun.some((run) => epochOf(run) === undefined)) return begun;
  return begun.sort((a, b) => (epochOf(a) ?? 0) - (epochOf(b) ?? 0));
}

function findNeedlessRuns({ executions, isEachRunOnce = false }: History): Violation[] {
  if (!isEachRunOnce) return [];
  const again = [...byColour(executions)].filter(([, runs]) => runs.length > 1);
  return again.map(([colour, runs]) => {
    const message = `#${hex(colour)} ran ${runs.length} times`;
    return { kind: 'run again although the back end could be asked', message };
  });
}

function byColour(executions: readonly Execution[]): Map<number, Execution[]> {
  return groupBy(executions, ({ colour }) => colour);
}

function findUnrecordedRuns({ executions, rows }: History): Violation[] {
  const known = new Set(rows.map(({ colour }) => colour));
  return [...byColour(executions).keys()]
    .filter((colour) => !known.has(colour))
    .map((colour) => ({
      kind: 'run without a record',
      message: `#${hex(colour)} ran and no request is on record for it`,
    }));
}

function findInventedResults({ rows, executions }: History): Violation[] {
  const ran = new Set(executions.map(({ colour }) => colour));
  return rows
    .filter(({ state, colour }) => state === 'succeeded' && !ran.has(colour))
    .map(({ requestId }) => ({
      kind: 'completed without a run',
      message: `request ${requestId} succeeded, no back end ran it`,
    }));
}

// The picture says under which epoch it was made; what is on record says which attempt succeeded.
function findTwoResults({ attempts, submissions }: History): Violation[] {
  const violations: Violation[] = [];
  const winners = groupBy(
    attempts.filter(({ outcome }) => outcome === 'succeeded'),
    ({ requestId }) => requestId,
  );
  for (const [requestId, won] of winners) {
    if (won.length > 1) violations.push({ kind: 'two results', message: `request ${requestId} succeeded twice` });
  }
  for (const submission of submissions) {
    const winner = winners.get(submission.acknowledged[0] ?? '')?.[0];
    for (const file of submission.observations) {
      if (file.kind !== 'file' || file.epoch === undefined || winner?.epoch === undefined) continue;
      if (file.epoch === winner.epoch || isResumed(attempts, winner, file.epoch)) continue;
      const message = `#${hex(submission.colour)} was given the file of epoch ${file.epoch}, and epoch ${winner.epoch} succeeded`;
      violations.push({ kind: "another run's file", message });
    }
  }
  return violations;
}

// A hand-over goes on with the same prompt under the next epoch: its files keep the name of the epoch it was sent under.
function isResumed(attempts: readonly Attempt[], winner: Attempt, epoch: number): boolean {
  const isLost = attempts.some((a) => a.requestId === winner.requestId && a.epoch === epoch && a.outcome === 'lost');
  return epoch < (winner.epoch ?? 0) && !isLost;
}

// First in, first out: nobody begins long after those who came later. Only the untroubled are compared.
export function findOvertaken({ submissions, executions, attempts, orderSlack }: History): Violation[] {
  if (orderSlack === undefined) return [];
  const firstStart = new Map<number, number>();
  for (const { colour, startedAt } of executions) {
    firstStart.set(colour, Math.min(startedAt, firstStart.get(colour) ?? Number.POSITIVE_INFINITY));
  }
  const troubled = new Set(attempts.filter(({ outcome }) => outcome === 'lost').map(({ requestId }) => requestId));
  const violations: Violation[] = [];
  for (const group of groupBy(submissions, ({ account = '' }) => account).values()) {
    violations.push(...findOvertakenIn(group.filter(isComparable), { firstStart, troubled, orderSlack }));
  }
  return violations;
}

const isComparable = ({ kind = 'plain', sentAt, acknowledgedAt }: Submission) =>
  kind === 'plain' && sentAt !== undefined && acknowledgedAt !== undefined;

interface Order {
  readonly firstStart: ReadonlyMap<number, number>;
  readonly troubled: ReadonlySet<string>;
  readonly orderSlack: number;
}

function findOvertakenIn(group: readonly Submission[], { firstStart, troubled, orderSlack }: Order): Violation[] {
  const started = group
    .flatMap((submission) => {
      const startedAt = firstStart.get(submission.colour);
      return startedAt === undefined ? [] : [{ submission, startedAt }];
    })
    .sort((a, b) => a.startedAt - b.startedAt);
  /** Sorted: when those that have started were sent. */
  const sent: number[] = [];
  const violations: Violation[] = [];
  for (const { submission } of started) {
    const { sentAt = 0, acknowledgedAt = 0, acknowledged, colour } = submission;
    const overtakers = sent.length - countUpTo(sent, acknowledgedAt);
    if (overtakers > orderSlack && !troubled.has(acknowledged[0] ?? '')) {
      const message = `#${hex(colour)} began after ${overtakers} that were sent after it was acknowledged`;
      violations.push({ kind: 'out of order', message });
    }
    sent.splice(countUpTo(sent, sentAt), 0, sentAt);
  }
  return violations;
}

function countUpTo(sorted: readonly number[], limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Cancel = Extract<Observation, { kind: 'cancel' }>;

function findUnheededCancels(history: History): Violation[] {
  return history.submissions.flatMap((submission) => {
    const cancel = submission.observations.find((o): o is Cancel => o.kind === 'cancel' && o.isAcknowledged);
    if (cancel === undefined) return [];
    const late = history.executions.find(
      (run) =>
        run.colour === submission.colour &&
        run.startedAt > cancel.at + CANCEL_SETTLES_MS &&
        !wasWithFrozen(history, run, cancel),
    );
    if (late === undefined) return [];
    const sentAt = history.sendings?.find(({ promptId }) => promptId === late.promptId)?.at;
    const sent = sentAt === undefined ? '' : `; its prompt was sent ${Math.round(cancel.at - sentAt)} ms before that`;
    const message = `request ${submission.acknowledged[0]} (#${hex(submission.colour)}) began to run ${late.startedAt - cancel.at} ms after its cancel was acknowledged${sent}`;
    return [{ kind: 'run after its cancel', message }];
  });
}

// What was seen going to an instance before the cancel cannot be taken back while that instance stands still.
function wasWithFrozen({ sendings = [], standstills = [], attempts }: History, run: Execution, cancel: Cancel) {
  const sending = sendings.find(({ promptId }) => promptId === run.promptId);
  if (sending === undefined || sending.at > cancel.at + ONE_TURN_MS) return false;
  const instanceId = attempts.find(({ promptId }) => promptId === run.promptId)?.instanceId;
  return standstills.some(
    (still) =>
      still.instanceId === instanceId &&
      still.from <= cancel.at + CANCEL_SETTLES_MS &&
      run.startedAt <= still.until + CANCEL_SETTLES_MS,
  );
}

// What a back end has when it stops, or is given while it stands still, has to be given up in time, unless it goes on before.
function findLateNotices({ standstills = [], strikes = [], attempts }: History): Violation[] {
  const dead = strikes.filter(({ fault }) => fault === 'zombie');
  const withDead = dead.flatMap(({ promptId, at }) => {
    const endedAt = attempts.find((attempt) => attempt.promptId === promptId)?.endedAt ?? at;
    if (endedAt <= at + NOTICED_WITHIN_MS) return [];
    const message = `prompt ${promptId} stayed with a dead worker for ${Math.round((endedAt - at) / 1000)} s`;
    return [{ kind: 'too late' as const, message }];
  });
  const withFrozen = standstills.flatMap(({ instanceId, from, until }) =>
    attempts.flatMap(({ requestId, instanceId: at, startedAt, endedAt, outcome, cause }) => {
      if (at !== instanceId || startedAt === undefined || startedAt > until || endedAt < from) return [];
      const since = Math.max(from, startedAt);
      if (until - since <= NOTICED_WITHIN_MS || endedAt <= since + NOTICED_WITHIN_MS) return [];
      const message = `request ${requestId} stayed with an instance that stood still for ${Math.round((endedAt - since) / 1000)} s (${outcome}: ${cause})`;
      return [{ kind: 'too late' as const, message }];
    }),
  );
  return [...withDead, ...withFrozen];
}

function findSpreadPoison({ submissions, strikes = [], attempts, executions }: History): Violation[] {
  const killers = groupBy(
    strikes.filter(({ fault }) => fault === 'crash'),
    ({ promptId }) => promptId,
  );
  return submissions
    .filter(({ kind }) => kind === 'poison')
    .flatMap(({ acknowledged, colour }) => {
      // Also by those of its prompts that nothing is on record of.
      const prompts = new Set([
        ...attempts.filter(({ requestId }) => requestId === acknowledged[0]).map(({ promptId }) => promptId),
        ...executions.filter((run) => run.colour === colour).map(({ promptId }) => promptId),
      ]);
      const killed = [...prompts].reduce((sum, promptId) => sum + (killers.get(promptId ?? '')?.length ?? 0), 0);
      if (killed <= MAX_ATTEMPTS) return [];
      return [{ kind: 'killed too many', message: `#${hex(colour)} killed ${killed} instances` }];
    });
}
