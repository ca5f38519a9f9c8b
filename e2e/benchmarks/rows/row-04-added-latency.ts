// Row 4: what the gateway adds to one trivial request on an idle system, percentile by percentile; and to a job of 1 s.
import { type BackEnd, clearHistory, listExecuted, startFake } from '../back-end.ts';
import { type DirectArm, openDirectArm } from '../direct-arm.ts';
import { setServiceTime } from '../fake-control.ts';
import type { Submission } from '../gateway-arm.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll, warmUp } from '../stage.ts';
import { nowMs, percentile } from '../statistics.ts';
import { judgeExecuted, sweepGateway } from '../sweep.ts';

const LONG_JOB_MS = 1_000;

export const addedLatencyRow: Row = {
  number: 4,
  title: 'added latency, submit to terminal, idle, sequential',
  peer: 'direct submit to execution_success',
  wantsReal: true,
  seconds: { setup: 25, round: 14 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly direct: DirectArm;
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const trivial = await measure(context, {
    name: 'row4',
    backEnd: await context.openReal(),
    count: context.isQuick ? 60 : 300,
  });
  const fake = await startFake({ dir: context.makeDir('row4-fake') });
  const long = await measure(context, {
    name: 'row4-long',
    backEnd: fake,
    count: context.isQuick ? 3 : 5,
    serviceMs: LONG_JOB_MS,
  });
  const share = (samples: number[][], at: number) => samples.map((round) => percentile(round, at));
  const added = { unit: 'ms', compare: 'difference', isMoreBetter: false } as const;
  const pair = (at: number) => ({ ours: share(trivial.ours, at), peer: share(trivial.peer, at) });
  return {
    backEnd: `${trivial.backEnd}; F for the 1 s job`,
    measures: [
      { ...added, name: 'added p50', ...pair(0.5), bar: 4, moonshot: 2.5 },
      { ...added, name: 'added p99', ...pair(0.99), bar: 30, moonshot: 6 },
      {
        name: 'job of 1 s, p50',
        unit: 'ms',
        compare: 'ratio',
        isMoreBetter: false,
        ours: share(long.ours, 0.5),
        peer: share(long.peer, 0.5),
        bar: 1.01,
        moonshot: 1.005,
      },
    ],
    problems: [...trivial.problems, ...long.problems],
    notes: ['gateway arm: submit with Prefer: wait, clock to the answer that holds the result'],
  };
}

interface MeasureInput {
  readonly name: string;
  readonly backEnd: BackEnd;
  readonly count: number;
  readonly serviceMs?: number;
}

async function measure(context: RunContext, { name, backEnd, count, serviceMs }: MeasureInput) {
  const stage = await openStage(context, { name, backEnd, connections: 16 });
  const direct = await openDirectArm(backEnd.url, 1);
  const bench: Bench = { context, stage, direct, problems: [...stage.problems] };
  const ours: number[][] = [];
  const peer: number[][] = [];
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    if (serviceMs !== undefined) await setServiceTime(backEnd.url, serviceMs);
    for (let round = 0; round < context.rounds; round += 1) {
      const arms = [
        async () => void peer.push(await timeDirect(bench, count)),
        async () => void ours.push(await timeGateway(bench, count)),
      ];
      for (const arm of round % 2 === 0 ? arms : arms.reverse()) await arm();
      context.log(
        `  round ${round + 1}: p50 ${percentile(ours.at(-1) ?? [], 0.5).toFixed(2)} ms, direct ${percentile(peer.at(-1) ?? [], 0.5).toFixed(2)} ms`,
      );
    }
  } finally {
    await direct.close();
    await stage.close();
  }
  return { ours, peer, problems: bench.problems, backEnd: backEnd.name };
}

async function timeGateway({ context, stage, problems }: Bench, count: number): Promise<number[]> {
  await clearHistory(stage.backEnd.url);
  const samples: number[] = [];
  const submissions: Submission[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = nowMs();
    const { submission } = await stage.arm.submitAndWait(stage.tenant(index), context.nextColour());
    samples.push(nowMs() - startedAt);
    submissions.push(submission);
  }
  problems.push(...(await sweepGateway({ arm: stage.arm, backEndUrl: stage.backEnd.url, submissions })));
  return samples;
}

async function timeDirect({ context, stage, direct, problems }: Bench, count: number): Promise<number[]> {
  await clearHistory(stage.backEnd.url);
  const samples: number[] = [];
  const colours: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const colour = context.nextColour();
    const startedAt = nowMs();
    const id = await direct.post({ colour, prefix: `bench-${context.seed}-4/${colour}/img` });
    samples.push((await direct.succeeded(id)) - startedAt);
    colours.push(colour);
  }
  // The history is written after the success frame.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const found = judgeExecuted(await listExecuted(stage.backEnd.url), colours);
  problems.push(...found.map((problem) => `bare arm: ${problem}`));
  return samples;
}
