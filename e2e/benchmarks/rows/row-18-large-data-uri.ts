// Row 18: a picture of 20 MB inside the body of a submit: what it costs the gateway against reading, decoding and hashing
// it once, how long others wait for it, and the memory that ten at once take.
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'undici';
import { startEmulator } from '../back-end.ts';
import { cpuMs, residentBytes } from '../process-cost.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll } from '../stage.ts';

const MIB = 1024 * 1024;
const PICTURE_MIB = 20;
const AT_ONCE = 10;
const SAMPLE_MS = 5;
const METRICS_TOKEN = 'bench-reads-the-metrics';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export const largeDataUriRow: Row = {
  number: 18,
  title: '20 MB data URI: cost, longest stall, memory of ten at once',
  peer: 'parse, decode and hash the same body once',
  wantsReal: false,
  seconds: { setup: 15, round: 15 },
  run,
};

interface Figures {
  cpuMs: number[];
  floorMs: number[];
  stallMs: number[];
  pollP99Ms: number[];
  riseShare: number[];
}

async function run(context: RunContext): Promise<RowResult> {
  const backEnd = await startEmulator({ buildDir: context.buildDir, dir: context.makeDir('row18') });
  const env = { COMFLEET_METRICS_TOKEN: METRICS_TOKEN };
  const stage = await openStage(context, { name: 'row18-service', backEnd, connections: 32, env });
  const problems = [...stage.problems];
  const figures: Figures = { cpuMs: [], floorMs: [], stallMs: [], pollP99Ms: [], riseShare: [] };
  try {
    await submitAll(stage, context, 200);
    await untilEnded(stage, [await submit(stage, makeBody())], problems);
    for (let round = 0; round < context.rounds; round += 1) {
      await measureOne(stage, figures, problems);
      await measureMany(stage, figures, problems);
      const [cpu, floor, stall] = [figures.cpuMs, figures.floorMs, figures.stallMs].map((all) =>
        all.at(-1)?.toFixed(0),
      );
      context.log(`  round ${round + 1}: CPU ${cpu} ms, floor ${floor} ms, stall ${stall} ms`);
    }
  } finally {
    await stage.close();
  }
  return { backEnd: 'emulator', measures: describe(figures), problems, notes: [NOTE] };
}

const NOTE = `${PICTURE_MIB} MiB of a picture, base64 in the body; CPU of the gateway from the first byte to the answer; the stall is the event loop's longest delay, read from /metrics; memory: the rise of the resident set over the sum of the ${AT_ONCE} bodies`;

function describe(figures: Figures): RowResult['measures'] {
  const alone = { compare: 'alone', isMoreBetter: false } as const;
  return [
    {
      name: 'gateway CPU',
      unit: 'ms',
      compare: 'ratio',
      isMoreBetter: false,
      ours: figures.cpuMs,
      peer: figures.floorMs,
      bar: 4,
      moonshot: 1.3,
    },
    { ...alone, name: 'longest stall', unit: 'ms', ours: figures.stallMs, bar: 250, moonshot: 20 },
    { ...alone, name: "others' status polls meanwhile, p99", unit: 'ms', ours: figures.pollP99Ms },
    {
      ...alone,
      name: `memory of ${AT_ONCE} at once / bodies`,
      unit: '×',
      ours: figures.riseShare,
      bar: 6,
      moonshot: 1.5,
    },
  ];
}

/** Never the same picture twice: a known one is not written again. */
function makeBody(): Buffer {
  const picture = Buffer.concat([PNG, Buffer.alloc(PICTURE_MIB * MIB - PNG.length - 16, 7), randomBytes(16)]);
  const graph = {
    1: { class_type: 'LoadImage', inputs: { image: `data:image/png;base64,${picture.toString('base64')}` } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'large' } },
  };
  return Buffer.from(JSON.stringify({ workflow_api_json: graph }));
}

async function measureOne(stage: Stage, figures: Figures, problems: string[]): Promise<void> {
  const body = makeBody();
  const known = await stage.arm.submit(stage.tenant(0), 1);
  const polls = startPolls(() => stage.arm.status(known));
  await readStall(stage);
  const before = cpuMs(stage.service.pid);
  const polledBefore = polls.count();
  const id = await submit(stage, body);
  const spent = cpuMs(stage.service.pid) - before;
  figures.stallMs.push(await readStall(stage));
  const { p99Ms, msOfOne } = await polls.stop(stage.service.pid);
  // The polls are the observer's: what they cost is taken off.
  figures.cpuMs.push(spent - (polls.count() - polledBefore) * msOfOne);
  figures.pollP99Ms.push(p99Ms);
  figures.floorMs.push(floorOf(body));
  await untilEnded(stage, [id], problems);
}

async function measureMany(stage: Stage, figures: Figures, problems: string[]): Promise<void> {
  const bodies = Array.from({ length: AT_ONCE }, makeBody);
  const { pid } = stage.service;
  const before = residentBytes(pid);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, SAMPLE_MS);
  const ids = await Promise.all(bodies.map((body) => submit(stage, body)));
  clearInterval(timer);
  figures.riseShare.push((most - before) / bodies.reduce((sum, body) => sum + body.length, 0));
  await untilEnded(stage, ids, problems);
}

async function submit(stage: Stage, body: Buffer): Promise<string> {
  const { path, headers } = stage.tenant(0);
  const reply = await request(`${stage.service.url}${path}/inference`, { method: 'POST', headers, body });
  const answer = (await reply.body.json()) as { request_id?: string };
  if (answer.request_id === undefined) throw new Error(`the submit answered ${JSON.stringify(answer).slice(0, 500)}`);
  return answer.request_id;
}

async function untilEnded(stage: Stage, ids: readonly string[], problems: string[]): Promise<void> {
  for (const requestId of ids) {
    for (;;) {
      const { status, error } = await stage.arm.result({ requestId, tenant: stage.tenant(0), colour: 0 });
      if (status === 'succeeded') break;
      if (status !== 'in_queue' && status !== 'in_progress') {
        problems.push(`a large submit ended as ${status}: ${JSON.stringify(error)?.slice(0, 300)}`);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Since the last reading, in milliseconds. */
async function readStall(stage: Stage): Promise<number> {
  const headers = { authorization: `Bearer ${METRICS_TOKEN}` };
  const text = await (await request(`${stage.service.url}/metrics`, { headers })).body.text();
  return Number(/^nodejs_eventloop_lag_max_seconds ([\d.e-]+)/m.exec(text)?.[1]) * 1000;
}

function startPolls(poll: () => Promise<unknown>) {
  const waits: number[] = [];
  let isOver = false;
  const done = (async () => {
    while (!isOver) {
      const startedAt = performance.now();
      await poll();
      waits.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    count: () => waits.length,
    async stop(pid: number) {
      isOver = true;
      await done;
      const sorted = [...waits].sort((a, b) => a - b);
      const before = cpuMs(pid);
      const tries = 50;
      for (let index = 0; index < tries; index += 1) await poll();
      return {
        p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
        msOfOne: (cpuMs(pid) - before) / tries,
      };
    },
  };
}

/** CPU of reading the body once, decoding the picture and hashing it. */
function floorOf(body: Buffer): number {
  const before = process.cpuUsage();
  const graph = JSON.parse(body.toString()) as { workflow_api_json: { 1: { inputs: { image: string } } } };
  const { image } = graph.workflow_api_json[1].inputs;
  const hash = createHash('sha256').update(Buffer.from(image.slice(image.indexOf(',') + 1), 'base64'));
  hash.digest();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
