// Row 11: p99 of polls for `queue_position` with 100,000 waiting in one deployment, against the same with 100, and against
// bare ComfyUI's GET /queue with 10,000 waiting, which is how its clients learn their position.
import { Pool } from 'undici';
import { type BackEnd, startFake } from '../back-end.ts';
import { readyGraph } from '../graph.ts';
import { openPoller, type Poller } from '../poll-latency.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage } from '../stage.ts';
import { createRandom, percentile } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

const HOUR_MS = 3_600_000;
const FEW = 100;
const BLOCKERS = 60;
const BLOCKER_SIDE = 3_072;

export const queuePositionRow: Row = {
  number: 11,
  title: 'queue_position p99 with 100,000 waiting',
  peer: 'the same with 100; bare ComfyUI GET /queue at 10,000',
  wantsReal: true,
  seconds: { setup: 60, round: 20 },
  run,
};

interface Queue {
  readonly stage: Stage;
  readonly poller: Poller;
  readonly ids: string[];
}

const sizes = ({ isQuick }: RunContext) =>
  isQuick ? { many: 10_000, bare: 1_000, polls: 2_000 } : { many: 100_000, bare: 10_000, polls: 10_000 };

async function run(context: RunContext): Promise<RowResult> {
  const { many, bare } = sizes(context);
  const problems: string[] = [];
  const figures = { few: [] as number[], many: [] as number[], bare: [] as number[] };
  const queues: Queue[] = [];
  const real = await context.openReal();
  try {
    const few = await fill(context, FEW);
    queues.push(few);
    const full = await fill(context, many);
    queues.push(full);
    await fillBare(real, context, bare);
    for (let round = -1; round < context.rounds; round += 1) {
      const figure = {
        few: await measure(context, few, problems),
        many: await measure(context, full, problems),
        bare: await measureBare(real),
      };
      if (round < 0) continue; // warm-up
      for (const name of ['few', 'many', 'bare'] as const) figures[name].push(figure[name]);
      context.log(
        `  round ${round + 1}: ${FEW}: ${figure.few.toFixed(2)} ms, ${many}: ${figure.many.toFixed(2)} ms, GET /queue: ${figure.bare.toFixed(2)} ms`,
      );
    }
  } finally {
    await emptyBare(real);
    await real.stop();
    for (const { poller, stage } of queues) {
      await poller.close();
      await stage.close();
    }
  }
  const ratio = { unit: 'ms', compare: 'ratio', isMoreBetter: false, ours: figures.many } as const;
  return {
    backEnd: `F; ${real.name} for GET /queue`,
    measures: [
      { ...ratio, name: `p99 with ${many} / with ${FEW}`, peer: figures.few, bar: 5, moonshot: 1.2 },
      { ...ratio, name: `p99 with ${many} / GET /queue with ${bare}`, peer: figures.bare, moonshot: 0.05 },
    ],
    problems: [...problems, ...queues.flatMap(({ stage }) => stage.problems)],
    notes: ['each polled position is compared with the order of submission'],
  };
}

async function fill(context: RunContext, count: number): Promise<Queue> {
  const fake = await startFake({ dir: context.makeDir(`row11-fake-${count}`), serviceMs: HOUR_MS });
  const stage = await openStage(context, { name: `row11-${count}`, backEnd: fake, connections: 1 });
  // One after the other: the order of submission is the order of the queue.
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    ids.push((await stage.arm.submit(stage.tenant(0), context.nextColour())).requestId);
  }
  return { stage, poller: openPoller(stage.service.url), ids };
}

async function measure(context: RunContext, { stage, poller, ids }: Queue, problems: string[]): Promise<number> {
  const random = createRandom(context.seed);
  const { path, headers } = stage.tenant(0);
  const asked: number[] = [];
  const offsets = new Map<number, number>();
  const times = await poller.poll({
    count: sizes(context).polls,
    next: (index) => {
      // The first few are on their way to the instance or on it.
      const at = 20 + Math.floor(random() * (ids.length - 20));
      asked[index] = at;
      return { path: `${path}/requests/${ids[at]}/status`, headers };
    },
    onAnswer: (body, index) => {
      const position = Number(/"queue_position":(\d+)/.exec(body)?.[1]);
      const offset = (asked[index] ?? 0) - position;
      offsets.set(offset, (offsets.get(offset) ?? 0) + 1);
    },
  });
  // Exact: all positions are the index in the order of submission, less those that left the queue.
  if (offsets.size !== 1) problems.push(`positions of ${ids.length} are off: ${JSON.stringify([...offsets])}`);
  return percentile(times, 0.99);
}

async function fillBare({ url }: BackEnd, context: RunContext, count: number): Promise<void> {
  const pool = new Pool(url, { connections: 8, pipelining: 1 });
  const post = async (side: number) => {
    const prompt = readyGraph({ colour: context.nextColour(), prefix: 'row11', side });
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ prompt, extra_data: { emulator: { serviceMs: HOUR_MS } } });
    const reply = await pool.request({ path: '/prompt', method: 'POST', headers, body });
    await reply.body.dump();
  };
  // These keep it busy while the rest is counted.
  for (let index = 0; index < BLOCKERS; index += 1) await post(BLOCKER_SIDE);
  await runWorkers({ workers: 8, count }, () => post(64));
  await pool.close();
}

async function measureBare({ url }: BackEnd): Promise<number> {
  const poller = openPoller(url);
  const times = await poller.poll({ count: 60, next: () => ({ path: '/queue', headers: {} }) });
  await poller.close();
  return percentile(times, 0.99);
}

async function emptyBare({ url }: BackEnd): Promise<void> {
  for (const [path, body] of [
    ['/queue', '{"clear":true}'],
    ['/interrupt', '{}'],
  ] as const) {
    const reply = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await reply.arrayBuffer();
  }
}
