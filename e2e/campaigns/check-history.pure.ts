// Judges a campaign by what the outside saw: no acknowledged request lost, none run twice without a recorded loss, every
// end final, every file the one that was asked for. Its self-test hands it a bad history for each.
import { findBadRecords } from './check-records.pure.ts';
import { findBadRuns, hex, MAX_ATTEMPTS } from './check-runs.pure.ts';
import type { History, Observation, Submission, Violation } from './history.pure.ts';

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);
const CANCELLED = new Set(['cancelled', 'canceled']);

export function findViolations(history: History): Violation[] {
  return [
    ...history.submissions.flatMap((submission) => [
      ...findLost(submission),
      ...findChanges(submission),
      ...findFailures(history, submission),
      ...findWrongFiles(submission),
      ...findBroken(submission),
      ...findForeign(submission),
    ]),
    ...findBadRuns(history),
    ...findBadRecords(history),
    ...findUnendedRows(history),
    ...findDoubledKeys(history),
    ...history.unexpectedEnds.map((message) => ({ kind: 'service ended by itself' as const, message })),
  ];
}

const name = (submission: Submission) =>
  `request ${submission.acknowledged[0] ?? '(no id)'} (#${hex(submission.colour)})`;

type Ended = Extract<Observation, { kind: 'ended' }>;
const isEnded = (observation: Observation): observation is Ended => observation.kind === 'ended';

function findLost(submission: Submission): Violation[] {
  if (submission.acknowledged.length === 0) return [];
  if (submission.observations.some(({ kind }) => kind === 'absent')) {
    return [{ kind: 'lost request', message: `${name(submission)} was acknowledged and then not there` }];
  }
  if (submission.observations.some(isEnded)) return [];
  return [{ kind: 'never ended', message: `${name(submission)} was acknowledged and did not end` }];
}

function findChanges(submission: Submission): Violation[] {
  const { observations } = submission;
  const firstAt = observations.findIndex(isEnded);
  const first = observations[firstAt];
  if (first?.kind !== 'ended') return [];
  const later = observations.slice(firstAt + 1);
  const changed = later.find(
    (o) => o.kind === 'live' || (isEnded(o) && (o.outcome !== first.outcome || o.digest !== first.digest)),
  );
  if (changed === undefined) return [];
  const now = changed.kind === 'live' ? changed.word : `${isEnded(changed) ? changed.outcome : ''} with another result`;
  return [{ kind: 'ended twice', message: `${name(submission)} had ended (${first.outcome}) and was then ${now}` }];
}

// Nothing is wrong with any graph, so a failure is somebody's crash, excused only by its attempts having been used up.
function findFailures(history: History, submission: Submission): Violation[] {
  const end = submission.observations.find(isEnded);
  if (end === undefined || end.outcome === 'succeeded') return [];
  if (CANCELLED.has(end.outcome)) {
    if (submission.observations.some(({ kind }) => kind === 'cancel')) return [];
    return [{ kind: 'cancelled by nobody', message: `${name(submission)} was cancelled, and nobody had asked for it` }];
  }
  const losses = history.attempts.filter((a) => a.requestId === submission.acknowledged[0]).length;
  if (end.errorCode !== undefined && history.excusedCodes?.includes(end.errorCode)) return [];
  if (end.errorCode === 10012 && losses >= MAX_ATTEMPTS) return [];
  const what = end.errorCode === undefined ? end.outcome : `${end.outcome} with ${end.errorCode}`;
  return [{ kind: 'failed by a crash', message: `${name(submission)} ${what} after ${losses} attempts` }];
}

function findWrongFiles(submission: Submission): Violation[] {
  const { colour, observations } = submission;
  const violations: Violation[] = [];
  for (const observation of observations) {
    if (observation.kind !== 'file' || observation.content === (observation.wanted ?? colour)) continue;
    const { content } = observation;
    if (typeof content === 'number') {
      violations.push({ kind: "another request's file", message: `${name(submission)} was given #${hex(content)}` });
    } else
      violations.push({ kind: 'missing file', message: `${name(submission)} succeeded and its file was ${content}` });
  }
  const succeeded = observations.some((o) => isEnded(o) && o.outcome === 'succeeded');
  if (succeeded && !observations.some(({ kind }) => kind === 'file')) {
    violations.push({ kind: 'missing file', message: `${name(submission)} succeeded and named no file` });
  }
  return violations;
}

function findForeign(submission: Submission): Violation[] {
  return submission.observations.flatMap((o) =>
    o.kind === 'foreign'
      ? [{ kind: "another account's data" as const, message: `${name(submission)}: ${o.what}` }]
      : [],
  );
}

function findBroken(submission: Submission): Violation[] {
  return submission.observations.flatMap((o) =>
    o.kind === 'broken' ? [{ kind: 'broken answer' as const, message: `${name(submission)}: ${o.what}` }] : [],
  );
}

/** Also those whose submit got no answer: they are there, so they have to end. */
function findUnendedRows({ rows, submissions }: History): Violation[] {
  const reported = new Set(submissions.flatMap(({ acknowledged }) => acknowledged));
  return rows
    .filter(({ state, requestId }) => !ENDED.has(state) && !reported.has(requestId))
    .map(({ requestId, state }) => ({
      kind: 'never ended',
      message: `request ${requestId}, never acknowledged, stayed ${state}`,
    }));
}

function findDoubledKeys({ submissions, rows }: History): Violation[] {
  const violations: Violation[] = [];
  const rowsOf = new Map<number, string[]>();
  for (const { colour, requestId } of rows) rowsOf.set(colour, [...(rowsOf.get(colour) ?? []), requestId]);
  for (const submission of submissions) {
    if (submission.idempotencyKey === undefined) continue;
    const ids = new Set([...submission.acknowledged, ...(rowsOf.get(submission.colour) ?? [])]);
    if (ids.size <= 1) continue;
    const message = `key ${submission.idempotencyKey} stands for ${[...ids].join(' and ')}`;
    violations.push({ kind: 'one key, two requests', message });
  }
  return violations;
}
