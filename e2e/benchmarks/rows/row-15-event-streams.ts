// Row 15: what an idle reader of events costs in memory, and how long one event takes to 5,000 of them, against Server-Sent
// Events on bare Node. Each round starts both anew: memory once taken is not given back.
import { setTimeout as sleep } from 'node:timers/promises';
import { startFake } from '../back-end.ts';
import { collectGarbage, inspectEnv } from '../collect-garbage.ts';
import { openCrowd } from '../event-crowd.ts';
import { sendProgress, setServiceTime } from '../fake-control.ts';
import { startPeer } from '../peer-process.ts';
import { residentBytes } from '../process-cost.ts';
import { freePort } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage } from '../stage.ts';
import { median } from '../statistics.ts';

const READERS = 5_000;
const HOUR_MS = 3_600_000;
/** Events of one request are told at most ten times a second. */
const BETWEEN_MS = 250;
const FIRST_READERS = 500;

export const eventStreamsRow: Row = {
  number: 15,
  title: 'events: memory of an idle reader; one event to 5,000',
  peer: 'bare Node SSE',
  wantsReal: false,
  seconds: { setup: 20, round: 30 },
  run,
};

interface Figures {
  readonly bytes: number;
  readonly fanOutMs: number;
}

async function run(context: RunContext): Promise<RowResult> {
  const ours: Figures[] = [];
  const bare: Figures[] = [];
  const problems: string[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    bare.push(await measureBare(context, round));
    ours.push(await measureOurs(context, round, problems));
    const [a, b] = [ours.at(-1), bare.at(-1)];
    context.log(
      `  round ${round + 1}: ${kilobytes(a)} kB a reader, bare ${kilobytes(b)}; to all ${a?.fanOutMs.toFixed(0)} ms, bare ${b?.fanOutMs.toFixed(0)}`,
    );
  }
  const ratio = { compare: 'ratio', isMoreBetter: false } as const;
  const pair = (key: keyof Figures) => ({ ours: ours.map((f) => f[key]), peer: bare.map((f) => f[key]) });
  return {
    backEnd: 'F',
    measures: [
      { ...ratio, name: 'RSS per idle reader', unit: 'B', ...pair('bytes'), bar: 2, moonshot: 1.1 },
      { ...ratio, name: 'one event to all', unit: 'ms', ...pair('fanOutMs'), bar: 3, moonshot: 1.3 },
    ],
    problems,
    notes: [
      `${READERS} readers of one request; memory after garbage collection; ours from the frame of the instance on`,
    ],
  };
}

const kilobytes = (figures: Figures | undefined) => ((figures?.bytes ?? Number.NaN) / 1_000).toFixed(1);

async function measureBare(context: RunContext, round: number): Promise<Figures> {
  const port = await freePort();
  const dir = context.makeDir(`row15-bare-${round}`);
  const peer = await startPeer({ file: 'bare-sse.ts', dir, env: inspectEnv(port) });
  try {
    return await measure(context, {
      url: `${peer.url}/events`,
      authorization: 'Bearer none',
      process: { pid: peer.child.pid, port },
      tell: (step) => fetch(peer.url, { method: 'POST', body: progressOf(step) }),
    });
  } finally {
    await peer.child.stop();
  }
}

/** As long as what the service says of it. */
const progressOf = (step: number) =>
  JSON.stringify({
    value: 0.25,
    nodes_done: 0,
    nodes_total: 2,
    message: `EmptyImage (node 1): step ${step} of 1000000`,
    current_node: '1',
    current_node_class: 'EmptyImage',
    step,
    steps: 1_000_000,
  });

async function measureOurs(context: RunContext, round: number, problems: string[]): Promise<Figures> {
  const fake = await startFake({ dir: context.makeDir(`row15-fake-${round}`) });
  const port = await freePort();
  const stage = await openStage(context, {
    name: `row15-${round}`,
    backEnd: fake,
    connections: 4,
    env: inspectEnv(port),
  });
  try {
    problems.push(...stage.problems);
    await stage.arm.submitAndWait(stage.tenant(0), context.nextColour());
    await setServiceTime(fake.url, HOUR_MS);
    const submission = await stage.arm.submit(stage.tenant(0), context.nextColour());
    while ((await stage.arm.status(submission)) !== 'in_progress') await sleep(5);
    const { tenant, requestId } = submission;
    return await measure(context, {
      url: `${stage.service.url}${tenant.path}/requests/${requestId}/events`,
      authorization: tenant.headers['authorization'] ?? '',
      process: { pid: stage.service.pid, port },
      tell: (step) => sendProgress(fake.url, { value: step, max: 1_000_000 }),
    });
  } finally {
    await stage.close();
  }
}

interface Arm {
  readonly url: string;
  readonly authorization: string;
  readonly process: { readonly pid: number; readonly port: number };
  tell(step: number): Promise<unknown>;
}

async function measure(context: RunContext, arm: Arm): Promise<Figures> {
  const { url, authorization } = arm;
  let step = 2;
  const tellOnce = async (crowd: Awaited<ReturnType<typeof openCrowd>>) => {
    step += 1;
    await sleep(BETWEEN_MS);
    return await crowd.hear(`"step":${step},`, () => arm.tell(step));
  };
  // Code is compiled and pools are filled before anything is counted.
  const first = await openCrowd({ url, authorization, count: FIRST_READERS });
  for (let times = 0; times < 5; times += 1) await tellOnce(first);
  await first.close();
  await collectGarbage(arm.process);
  const before = residentBytes(arm.process.pid);
  const crowd = await openCrowd({ url, authorization, count: READERS });
  await collectGarbage(arm.process);
  const bytes = (residentBytes(arm.process.pid) - before) / READERS;
  const times: number[] = [];
  for (let count = context.isQuick ? 5 : 15; count > 0; count -= 1) times.push(await tellOnce(crowd));
  await crowd.close();
  return { bytes, fanOutMs: median(times) };
}
