// The judge's part about runs: what back ends began, against the attempts and requests on record (invariants 4, 5, 8, 14),
// and how soon a standstill was noticed. Called by check-history.pure.ts.
import { groupBy } from './group-by.pure.ts';
import type { Attempt, Execution, History, Submission, Violation } from './history.pure.ts';

export const MAX_ATTEMPTS = 3;
const NOTICED_WITHIN_MS = 30_000;

export const hex = (colour: number) => colour.toString(16).padStart(6, '0');

export function findBadRuns(history: History): Violation[] {
  return [
    ...findRepeatedRuns(history),
    ...findNeedlessRuns(history),
    ...findUnrecordedRuns(history),
    ...findInventedResults(history),
    ...findTwoResults(history),
    ...findOvertaken(history),
    ...findLateNotices(history),
    ...findSpreadPoison(history),
  ];
}

// Between two runs of one picture, the loss of the earlier run's attempt has to be on record.
function findRepeatedRuns({ executions, attempts }: History): Violation[] {
  const lost = new Map(attempts.filter((a) => a.outcome === 'lost').map((a) => [a.promptId, a]));
  const violations: Violation[] = [];
  for (const [colour, runs] of byColour(executions)) {
    runs.sort((a, b) => a.startedAt - b.startedAt);
    for (const [index, run] of runs.entries()) {
      const next = runs[index + 1];
      if (next === undefined) break;
      const loss = lost.get(run.promptId);
      if (run.promptId !== next.promptId && loss !== undefined && loss.endedAt <= next.startedAt) continue;
      const why = loss === undefined ? 'no loss is recorded' : 'the loss was recorded only later';
      const message = `#${hex(colour)} ran as prompt ${run.promptId} and again as ${next.promptId}: ${why}`;
      violations.push({ kind: 'run twice without a recorded loss', message });
    }
    if (runs.length > MAX_ATTEMPTS)
      violations.push({ kind: 'run too often', message: `#${hex(colour)} ran ${runs.length} times` });
  }
  return violations;
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

// What a back end ran when it stopped has to be given up in time, unless the back end goes on before.
function findLateNotices({ standstills = [], attempts }: History): Violation[] {
  return standstills.flatMap(({ instanceId, from, until }) => {
    if (until - from <= NOTICED_WITHIN_MS) return [];
    const late = attempts.filter(
      ({ instanceId: at, startedAt, endedAt }) =>
        at === instanceId && startedAt !== undefined && startedAt < from && endedAt > from + NOTICED_WITHIN_MS,
    );
    return late.map(({ requestId, endedAt }) => {
      const message = `request ${requestId} stayed with an instance that stood still for ${Math.round((endedAt - from) / 1000)} s`;
      return { kind: 'too late', message };
    });
  });
}

function findSpreadPoison({ submissions, strikes = [], attempts }: History): Violation[] {
  const crashes = groupBy(
    strikes.filter(({ fault }) => fault === 'crash'),
    ({ promptId }) => promptId,
  );
  return submissions
    .filter(({ kind }) => kind === 'poison')
    .flatMap(({ acknowledged, colour }) => {
      const own = attempts.filter(({ requestId }) => requestId === acknowledged[0]);
      const killed = own.reduce((sum, { promptId }) => sum + (crashes.get(promptId ?? '')?.length ?? 0), 0);
      if (killed <= MAX_ATTEMPTS) return [];
      return [{ kind: 'killed too many', message: `#${hex(colour)} killed ${killed} instances` }];
    });
}
