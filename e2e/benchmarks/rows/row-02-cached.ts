// Row 2: the same as row 1 with one and the same graph again and again, which ComfyUI answers from its cache.
import { createHash } from 'node:crypto';
import { clearHistory, type Executed, freshOutput, listExecuted, readBackEndFile } from '../back-end.ts';
import { type Costs, costMeasures, noCosts, watchCosts } from '../costs.ts';
import { type DirectArm, openDirectArm } from '../direct-arm.ts';
import type { Submission } from '../gateway-arm.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, POLL_MS, pollToTheEnd, type Stage, submitAll, warmUp } from '../stage.ts';
import { nowMs } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

const WORKERS = 16;
const SAMPLE = 20;

export const cachedRow: Row = {
  number: 2,
  title: 'end-to-end prompts/s, 1 instance, fully cached graph',
  peer: 'bare ComfyUI, 16 submitters',
  wantsReal: true,
  seconds: { setup: 30, round: 12 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly direct: DirectArm;
  readonly count: number;
  readonly figures: { ours: number[]; peer: number[]; costs: Costs };
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const stage = await openStage(context, { name: 'row2', backEnd: await context.openReal(), connections: WORKERS });
  const direct = await openDirectArm(stage.backEnd.url, WORKERS);
  const figures = { ours: [], peer: [], costs: noCosts() };
  const count = context.isQuick ? 300 : 1_500;
  const bench: Bench = { context, stage, direct, count, figures, problems: [...stage.problems] };
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    const colour = context.nextColour();
    await warmUp(context, (size) => runDirect(bench, { size, colour, folder: 'warm' }));
    for (let round = 0; round < context.rounds; round += 1) {
      const arms = [() => timeDirect(bench, round), () => timeGateway(bench)];
      for (const arm of round % 2 === 0 ? arms : arms.reverse()) await arm();
      const [ours, peer] = [figures.ours, figures.peer].map((values: number[]) => Math.round(values.at(-1) ?? 0));
      context.log(`  round ${round + 1}: gateway ${ours}/s, bare ${peer}/s`);
    }
  } finally {
    await direct.close();
    await stage.close();
  }
  return report(bench);
}

function report({ stage, count, figures, problems }: Bench): RowResult {
  const { ours, peer, costs } = figures;
  const ratio = { unit: '/s', compare: 'ratio', isMoreBetter: true } as const;
  return {
    backEnd: stage.backEnd.name,
    measures: [{ ...ratio, name: 'prompts/s', ours, peer, bar: 0.25, moonshot: 0.6 }, ...costMeasures(costs, 1.2)],
    problems,
    notes: [
      `${count} requests of one graph a round; done-signal: one poller every ${POLL_MS} ms`,
      'bare: nothing runs and no file is written; ours: each request has its picture saved and stored as its own',
    ],
  };
}

interface DirectRound {
  readonly size: number;
  readonly colour: number;
  readonly folder: string;
}

async function runDirect({ direct }: Bench, { size, colour, folder }: DirectRound): Promise<number> {
  const startedAt = nowMs();
  const post = () => direct.post({ colour, prefix: `${folder}/img` });
  const ids = await runWorkers({ workers: WORKERS, count: size }, post);
  const ends = await Promise.all(ids.map((id) => direct.succeeded(id)));
  return ends.reduce((last, at) => Math.max(last, at), startedAt) - startedAt;
}

async function timeDirect(bench: Bench, round: number): Promise<void> {
  const { context, stage, count, figures, problems } = bench;
  const { url } = stage.backEnd;
  freshOutput(stage.backEnd);
  const given = { colour: context.nextColour(), folder: `bench-${context.seed}-2-${round}` };
  await runDirect(bench, { ...given, size: 1 });
  await clearHistory(url);
  figures.peer.push(count / ((await runDirect(bench, { ...given, size: count })) / 1_000));
  const found = judgeRepeated(await listExecuted(url), { count, colour: given.colour });
  problems.push(...found.map((problem) => `bare arm: ${problem}`));
}

async function timeGateway(bench: Bench): Promise<void> {
  const { context, stage, count, figures, problems } = bench;
  const { service, backEnd, arm } = stage;
  freshOutput(backEnd);
  const colour = context.nextColour();
  await arm.submitAndWait(stage.tenant(0), colour);
  await clearHistory(backEnd.url);
  const watch = watchCosts(service, backEnd.pid);
  const startedAt = nowMs();
  const submissions = await runWorkers({ workers: WORKERS, count }, (index) => arm.submit(stage.tenant(index), colour));
  await pollToTheEnd(stage, submissions);
  figures.ours.push(count / ((nowMs() - startedAt) / 1_000));
  watch.end(figures.costs, count);
  problems.push(...(await sweep(stage, submissions, colour)));
}

/** Which file belongs to which request is the gateway's to know: each picture must be one of the back end's. */
async function sweep(stage: Stage, submissions: readonly Submission[], colour: number): Promise<string[]> {
  const { arm, backEnd } = stage;
  const executed = await listExecuted(backEnd.url);
  const problems = judgeRepeated(executed, { count: submissions.length, colour });
  const hashes = await runWorkers({ workers: 8, count: executed.length }, async (index) => {
    const file = executed[index]?.file;
    return file === undefined ? undefined : hashOf(await readBackEndFile(backEnd.url, file));
  });
  const known = new Set(hashes);
  const every = Math.max(1, Math.floor(submissions.length / SAMPLE));
  await runWorkers({ workers: 8, count: submissions.length }, async (index) => {
    const submission = submissions[index];
    if (submission === undefined) return;
    const result = await arm.result(submission);
    const url = Object.values(result.outputs ?? {}).flatMap(({ images = [] }) => images)[0]?.url;
    if (result.status !== 'succeeded' || url === undefined) {
      problems.push(`a request is ${result.status}, its output ${url}: ${JSON.stringify(result.error)}`);
    } else if (index % every === 0 && !known.has(hashOf(await arm.download(url)))) {
      problems.push("an output's bytes are not the back end's");
    }
  });
  return problems.slice(0, 4);
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Each prompt was run once, all of them of this colour. */
function judgeRepeated(executed: readonly Executed[], wanted: { count: number; colour: number }): string[] {
  const problems: string[] = [];
  if (executed.length !== wanted.count) problems.push(`${executed.length} executions of ${wanted.count}`);
  const others = executed.filter(({ colour, isSuccess }) => colour !== wanted.colour || !isSuccess).length;
  if (others > 0) problems.push(`${others} executions failed or belong to nobody`);
  return problems;
}
