// The end of a campaign: everything is given time to end, the service is killed once more so that only what is durable
// speaks, and the judge reads what the outside saw.
import { type Callers, observeResult, type Target } from './caller.ts';
import { findViolations } from './check-history.pure.ts';
import { waitUntil } from './child-process.ts';
import { readDatabase, readExecutions } from './evidence.ts';
import type { History, Violation } from './history.pure.ts';
import type { Stage } from './stage.ts';

export interface Verdict {
  readonly submitted: number;
  readonly acknowledged: number;
  readonly runs: number;
  readonly lostAttempts: number;
  readonly violations: readonly Violation[];
}

const ALL_ENDED_WITHIN_MS = 60_000;

export async function reachVerdict(
  stage: Stage,
  { callers, target, ...fault }: { callers: Callers; target: Target } & Pick<History, 'excusedCodes' | 'isEachRunOnce'>,
): Promise<Verdict> {
  const { service } = stage;
  await service.whenReady();
  await callers.finish(ALL_ENDED_WITHIN_MS);
  // Requests whose submit was never answered have nobody who waits for them; they have to end all the same.
  const isOver = async () => (await readDatabase(stage.dataDir)).rows.every(({ state }) => !isLive(state));
  await waitUntil(isOver, ALL_ENDED_WITHIN_MS, 200);
  const { rows: waited } = await readDatabase(stage.dataDir);
  // Whatever was only in memory is gone after this.
  await service.kill();
  await service.whenReady();
  const acknowledged = callers.submissions.filter((submission) => submission.acknowledged.length > 0);
  for (const submission of acknowledged) {
    await waitUntil(() => observeResult(target, submission), 5_000);
  }
  const { rows, attempts } = await readDatabase(stage.dataDir);
  // What had not ended in all that time counts as such, even if the last start brought it on its way.
  const stuck = new Map(waited.filter(({ state }) => isLive(state)).map((row) => [row.requestId, row]));
  const final = rows.map((row) => stuck.get(row.requestId) ?? row);
  const evidence = { rows: final, attempts, executions: readExecutions(stage.executionFiles) };
  const { unexpectedEnds } = service;
  const violations = findViolations({ submissions: callers.submissions, unexpectedEnds, ...evidence, ...fault });
  return {
    submitted: callers.submissions.length,
    acknowledged: acknowledged.length,
    runs: evidence.executions.length,
    lostAttempts: evidence.attempts.filter(({ outcome }) => outcome === 'lost').length,
    violations,
  };
}

const isLive = (state: string) => state === 'queued' || state === 'active';
