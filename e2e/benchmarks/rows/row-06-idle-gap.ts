// Row 6: how long the back end stands idle between two prompts while a backlog waits behind the gateway. R tells it in
// whole milliseconds (its history's time stamps), F exactly.
import { clearHistory, listExecuted, startFake } from '../back-end.ts';
import { openDirectArm } from '../direct-arm.ts';
import { readStamps, type Stamp, setServiceTime } from '../fake-control.ts';
import type { Submission } from '../gateway-arm.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll, warmUp } from '../stage.ts';
import { percentile } from '../statistics.ts';
import { judgeExecuted, sweepGateway } from '../sweep.ts';
import { runWorkers } from '../workers.ts';

const SERVICE_MS = 10;
const BLOCKER_MS = 1_500;
/** A picture of this side keeps a real ComfyUI busy for about a second. */
const BLOCKER_SIDE = 4_096;

export const idleGapRow: Row = {
  number: 6,
  title: 'idle gap, success to next start, backlog behind a blocker',
  peer: "bare ComfyUI's own gap",
  wantsReal: true,
  seconds: { setup: 35, round: 17 },
  run,
};

interface Figures {
  fake: number[][];
  real: number[][];
  bare: number[][];
  early: number[];
}

async function run(context: RunContext): Promise<RowResult> {
  const figures: Figures = { fake: [], real: [], bare: [], early: [] };
  const problems: string[] = [];
  const fake = await startFake({ dir: context.makeDir('row6-fake') });
  await withStage(context, { name: 'row6-fake', backEnd: fake }, async (stage) => {
    for (let round = 0; round < context.rounds; round += 1)
      problems.push(...(await fakeRound(context, stage, figures)));
    context.log(`  F: p50 ${percentile(figures.fake.flat(), 0.5).toFixed(2)} ms`);
  });
  const backEnd = await context.openReal();
  await withStage(context, { name: 'row6', backEnd }, async (stage) => {
    for (let round = 0; round < context.rounds; round += 1) {
      problems.push(...(await bareRound(context, stage, figures)), ...(await realRound(context, stage, figures)));
    }
    context.log(
      `  ${backEnd.name}: mean ${mean(figures.real.flat()).toFixed(2)} ms, bare ${mean(figures.bare.flat()).toFixed(2)} ms`,
    );
  });
  return report(figures, problems, backEnd.name);
}

function report(figures: Figures, problems: string[], name: string): RowResult {
  const share = (rounds: number[][], at: number) => rounds.map((gaps) => percentile(gaps, at));
  const alone = { unit: 'ms', compare: 'alone', isMoreBetter: false } as const;
  const added = { unit: 'ms', compare: 'difference', isMoreBetter: false } as const;
  return {
    backEnd: `F, and ${name}`,
    measures: [
      { ...alone, name: `F (${SERVICE_MS} ms), p50`, ours: share(figures.fake, 0.5), bar: 2.5, moonshot: 1.2 },
      { ...alone, name: `F (${SERVICE_MS} ms), p99`, ours: share(figures.fake, 0.99), moonshot: 6 },
      { ...added, name: `${name}, mean, added to bare's`, ours: figures.real.map(mean), peer: figures.bare.map(mean) },
    ],
    problems,
    notes: [
      `${(100 * mean(figures.early)).toFixed(0)} % of F's prompts came before the one ahead had ended (sent ahead)`,
      `${name}'s stamps are whole milliseconds: the mean over a round is what can be read from them`,
    ],
  };
}

async function withStage(
  context: RunContext,
  given: Pick<Parameters<typeof openStage>[1], 'name' | 'backEnd'>,
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = await openStage(context, { ...given, connections: 16 });
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    await use(stage);
  } finally {
    await stage.close();
  }
}

function backlog(context: RunContext): number {
  return context.isQuick ? 100 : 400;
}

async function submitBacklog(context: RunContext, stage: Stage, side?: number): Promise<Submission[]> {
  const blocker = await stage.arm.submit(stage.tenant(0), context.nextColour(), side);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const rest = await runWorkers({ workers: 16, count: backlog(context) }, (index) =>
    stage.arm.submit(stage.tenant(index), context.nextColour()),
  );
  return [blocker, ...rest];
}

async function sweep(stage: Stage, submissions: Submission[]): Promise<string[]> {
  await runWorkers({ workers: 4, count: submissions.length }, async (index) => {
    const submission = submissions[submissions.length - 1 - index] as Submission;
    while (['in_queue', 'in_progress'].includes(await stage.arm.status(submission))) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  return await sweepGateway({ arm: stage.arm, backEndUrl: stage.backEnd.url, submissions });
}

async function fakeRound(context: RunContext, stage: Stage, figures: Figures): Promise<string[]> {
  const { url } = stage.backEnd;
  await clearHistory(url);
  await setServiceTime(url, BLOCKER_MS);
  const submitting = submitBacklog(context, stage);
  await new Promise((resolve) => setTimeout(resolve, 40));
  await setServiceTime(url, SERVICE_MS);
  const problems = await sweep(stage, await submitting);
  const stamps = [...(await readStamps(url)).values()];
  figures.fake.push(gapsOf(stamps.map(([, startedAt, endedAt]) => ({ startedAt, endedAt }))));
  figures.early.push(shareEarly(stamps));
  return problems;
}

async function realRound(context: RunContext, stage: Stage, figures: Figures): Promise<string[]> {
  await clearHistory(stage.backEnd.url);
  const problems = await sweep(stage, await submitBacklog(context, stage, BLOCKER_SIDE));
  figures.real.push(gapsOf(await listExecuted(stage.backEnd.url)));
  return problems;
}

async function bareRound(context: RunContext, stage: Stage, figures: Figures): Promise<string[]> {
  const { url } = stage.backEnd;
  await clearHistory(url);
  const direct = await openDirectArm(url, 16);
  const colours = Array.from({ length: backlog(context) + 1 }, context.nextColour);
  const post = async (index: number) => {
    const colour = colours[index] ?? 0;
    const prefix = `bench-${context.seed}-6/${colour}/img`;
    return await direct.post({ colour, prefix, ...(index === 0 ? { side: BLOCKER_SIDE } : {}) });
  };
  const ids = await runWorkers({ workers: 16, count: colours.length }, post);
  await Promise.all(ids.map((id) => direct.succeeded(id)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await direct.close();
  const executed = await listExecuted(url);
  figures.bare.push(gapsOf(executed));
  return judgeExecuted(executed, colours).map((problem) => `bare arm: ${problem}`);
}

/** Idle time before each prompt but the blocker and the one behind it. */
function gapsOf(runs: readonly { startedAt: number; endedAt: number }[]): number[] {
  const ordered = [...runs].sort((a, b) => a.startedAt - b.startedAt);
  return ordered.slice(2).map(({ startedAt }, index) => startedAt - (ordered[index + 1]?.endedAt ?? Number.NaN));
}

function shareEarly(stamps: Stamp[]): number {
  const ordered = [...stamps].sort((a, b) => a[1] - b[1]).slice(1);
  const early = ordered.slice(1).filter(([receivedAt], index) => receivedAt < (ordered[index]?.[2] ?? 0));
  return early.length / Math.max(1, ordered.length - 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
