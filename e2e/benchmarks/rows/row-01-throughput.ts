// Row 1: trivial prompts per second, end to end, uncached, one instance, against bare ComfyUI in its two ways of use.
import { clearHistory, freshOutput, listWhenRecorded } from '../back-end.ts';
import { type Costs, costMeasures, noCosts, watchCosts } from '../costs.ts';
import { type DirectArm, openDirectArm } from '../direct-arm.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, POLL_MS, pollToTheEnd, type Stage, submitAll, warmUp } from '../stage.ts';
import { nowMs } from '../statistics.ts';
import { judgeExecuted, sweepGateway } from '../sweep.ts';
import { runWorkers } from '../workers.ts';

const WORKERS = 16;

export const throughputRow: Row = {
  number: 1,
  title: 'end-to-end trivial prompts/s, 1 instance, uncached',
  peer: 'bare ComfyUI, 16 submitters',
  wantsReal: true,
  seconds: { setup: 30, round: 22 },
  run,
};

interface Figures {
  strict: number[];
  flat: number[];
  gateway: number[];
  costs: Costs;
}

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly direct: DirectArm;
  readonly count: number;
  readonly figures: Figures;
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const stage = await openStage(context, { name: 'row1', backEnd: await context.openReal(), connections: WORKERS });
  const direct = await openDirectArm(stage.backEnd.url, WORKERS);
  const count = context.isQuick ? 300 : 1_500;
  const figures = { strict: [], flat: [], gateway: [], costs: noCosts() };
  const bench: Bench = { context, stage, direct, count, figures, problems: [...stage.problems] };
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    await warmUp(context, (size) => runDirect(bench, { size, folder: 'warm', isStrict: true }));
    for (let round = 0; round < context.rounds; round += 1) await runRound(bench, round);
  } finally {
    await direct.close();
    await stage.close();
  }
  return report(bench);
}

async function runRound(bench: Bench, round: number): Promise<void> {
  const { context, figures, count } = bench;
  const folder = `bench-${context.seed}-${round}`;
  const arms = [
    async () =>
      void figures.strict.push(await timeDirect(bench, { size: count, folder: `${folder}-s`, isStrict: true })),
    async () => void figures.gateway.push(await timeGateway(bench)),
    async () =>
      void figures.flat.push(await timeDirect(bench, { size: count, folder: `${folder}-f`, isStrict: false })),
  ];
  // Another arm goes first in each round.
  for (let index = 0; index < arms.length; index += 1) await arms[(index + round) % arms.length]?.();
  const shown = [figures.strict, figures.flat, figures.gateway].map((values) => Math.round(values.at(-1) ?? 0));
  context.log(`  round ${round + 1}: strict ${shown[0]}/s, flat ${shown[1]}/s, gateway ${shown[2]}/s`);
}

interface DirectRound {
  readonly size: number;
  readonly folder: string;
  readonly isStrict: boolean;
}

async function timeDirect(bench: Bench, given: DirectRound): Promise<number> {
  const { url } = bench.stage.backEnd;
  await clearHistory(url);
  freshOutput(bench.stage.backEnd);
  const { elapsedMs, colours } = await runDirect(bench, given);
  const found = judgeExecuted(await listWhenRecorded(url, given.size), colours);
  bench.problems.push(...found.map((problem) => `bare arm: ${problem}`));
  return given.size / (elapsedMs / 1_000);
}

async function runDirect({ direct, context }: Bench, { size, folder, isStrict }: DirectRound) {
  const startedAt = nowMs();
  const colours: number[] = [];
  const ids = await runWorkers({ workers: WORKERS, count: size }, async (index) => {
    const colour = context.nextColour();
    colours.push(colour);
    return await direct.post({ colour, prefix: isStrict ? `${folder}/${colour}-${index}/img` : `${folder}/img` });
  });
  const ends = await Promise.all(ids.map((id) => direct.succeeded(id)));
  return { elapsedMs: ends.reduce((last, at) => Math.max(last, at), startedAt) - startedAt, colours };
}

async function timeGateway(bench: Bench): Promise<number> {
  const { stage, context, count, figures, problems } = bench;
  const { service, backEnd, arm } = stage;
  await clearHistory(backEnd.url);
  freshOutput(backEnd);
  const watch = watchCosts(service, backEnd.pid);
  const startedAt = nowMs();
  const submissions = await runWorkers({ workers: WORKERS, count }, (index) =>
    arm.submit(stage.tenant(index), context.nextColour()),
  );
  await pollToTheEnd(stage, submissions);
  const elapsedMs = nowMs() - startedAt;
  watch.end(figures.costs, count);
  problems.push(...(await sweepGateway({ arm, backEndUrl: backEnd.url, submissions })));
  return count / (elapsedMs / 1_000);
}

function report({ stage, count, figures, problems }: Bench): RowResult {
  const ratio = { unit: '/s', compare: 'ratio', isMoreBetter: true, ours: figures.gateway } as const;
  return {
    backEnd: stage.backEnd.name,
    measures: [
      { ...ratio, name: 'against strict (a folder per prompt)', peer: figures.strict, bar: 0.75, moonshot: 0.9 },
      { ...ratio, name: 'against flat (one prefix)', peer: figures.flat, bar: 1.2, moonshot: 1.4 },
      ...costMeasures(figures.costs, 1.2),
    ],
    problems,
    notes: [`${count} requests a round; done-signal: one poller every ${POLL_MS} ms`],
  };
}
