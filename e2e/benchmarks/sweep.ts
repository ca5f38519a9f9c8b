// The correctness sweep after a timed round: submitted = succeeded, each executed once by the back end's own record, and
// the bytes of a sample equal to the back end's. A figure counts only when this finds nothing.
import { type Executed, listWhenRecorded, readBackEndFile } from './back-end.ts';
import type { GatewayArm, Submission } from './gateway-arm.ts';
import { runWorkers } from './workers.ts';

const SAMPLE = 20;
const SHOWN = 3;

interface SweepInput {
  readonly arm: GatewayArm;
  readonly backEndUrl: string;
  /** Everything submitted since the back end's history was cleared. */
  readonly submissions: readonly Submission[];
}

export async function sweepGateway({ arm, backEndUrl, submissions }: SweepInput): Promise<string[]> {
  const executed = await listWhenRecorded(backEndUrl, submissions.length);
  const problems = judgeExecuted(
    executed,
    submissions.map(({ colour }) => colour),
  );
  const byColour = new Map(executed.map((entry) => [entry.colour, entry]));
  const every = Math.max(1, Math.floor(submissions.length / SAMPLE));
  const found = await runWorkers({ workers: 8, count: submissions.length }, async (index) => {
    const submission = submissions[index];
    if (submission === undefined) return undefined;
    const result = await arm.result(submission);
    if (result.status !== 'succeeded')
      return `${submission.requestId} is ${result.status} ${JSON.stringify(result.error)}`;
    const url = Object.values(result.outputs ?? {}).flatMap(({ images = [] }) => images)[0]?.url;
    if (url === undefined) return `${submission.requestId} has no output`;
    if (index % every !== 0) return undefined;
    const source = byColour.get(submission.colour)?.file;
    if (source === undefined) return `${submission.requestId} is not in the back end's record`;
    const [ours, theirs] = await Promise.all([arm.download(url), readBackEndFile(backEndUrl, source)]);
    return ours.equals(theirs) ? undefined : `${submission.requestId}: its bytes are not the back end's`;
  });
  return [...problems, ...shorten(found.filter((problem) => problem !== undefined))];
}

/** For either arm: the back end ran exactly these colours, once each, to success. */
export function judgeExecuted(executed: readonly Executed[], colours: readonly number[]): string[] {
  const problems: string[] = [];
  const counts = new Map<number, number>();
  for (const { colour } of executed) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const wanted = new Set(colours);
  if (wanted.size !== colours.length) problems.push('the payloads were not distinct');
  const missing = colours.filter((colour) => !counts.has(colour)).length;
  const duplicates = [...counts.values()].filter((count) => count > 1).length;
  const strangers = [...counts.keys()].filter((colour) => !wanted.has(colour)).length;
  const failed = executed.filter(({ isSuccess }) => !isSuccess).length;
  if (missing > 0) problems.push(`${missing} of ${colours.length} were never executed`);
  if (duplicates > 0) problems.push(`${duplicates} were executed more than once`);
  if (strangers > 0) problems.push(`${strangers} executions belong to nobody`);
  if (failed > 0) problems.push(`${failed} executions did not succeed`);
  return problems;
}

function shorten(problems: string[]): string[] {
  if (problems.length <= SHOWN) return problems;
  return [...problems.slice(0, SHOWN), `and ${problems.length - SHOWN} more of that kind`];
}
