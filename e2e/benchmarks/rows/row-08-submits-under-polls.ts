// Row 8: the p99 of submits while 1,000 clients poll status once a second each, against the same without them. The pollers
// are a process of their own and ask about thousands of live and finished requests.
import { setTimeout as sleep } from 'node:timers/promises';
import { startFake } from '../back-end.ts';
import { setServiceTime } from '../fake-control.ts';
import type { Submission } from '../gateway-arm.ts';
import { type Peer, startPeer } from '../peer-process.ts';
import { cpuMs } from '../process-cost.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll, warmUp } from '../stage.ts';
import { percentile } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

const CLIENTS = 1_000;
const SUBMITS_A_SECOND = 200;
const HOUR_MS = 3_600_000;

export const submitsUnderPollsRow: Row = {
  number: 8,
  title: 'submit p99 while 1,000 clients poll status once a second',
  peer: 'the same without them',
  wantsReal: false,
  seconds: { setup: 30, round: 40 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly pollers: Peer;
  readonly targets: { path: string; authorization: string }[];
  readonly problems: string[];
  readonly polls: number[];
  /** Of one core, in per cent, by what polls add. */
  readonly addedCpu: number[];
}

async function run(context: RunContext): Promise<RowResult> {
  const fake = await startFake({ dir: context.makeDir('row8-fake') });
  const stage = await openStage(context, { name: 'row8', backEnd: fake, connections: 32 });
  const pollers = await startPeer({ file: 'status-pollers.ts', dir: context.makeDir('row8') });
  const figures = { quiet: [] as number[], polled: [] as number[] };
  const bench: Bench = { context, stage, pollers, targets: [], problems: [...stage.problems], polls: [], addedCpu: [] };
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    const count = context.isQuick ? 500 : 5_000;
    bench.targets.push(...(await submitAll(stage, context, count)).map(toTarget));
    await setServiceTime(fake.url, HOUR_MS);
    const submitLive = (index: number) => stage.arm.submit(stage.tenant(index), context.nextColour());
    bench.targets.push(...(await runWorkers({ workers: 16, count }, submitLive)).map(toTarget));
    await measureSubmits(bench);
    for (let round = 0; round < context.rounds; round += 1) {
      const quiet = await watchCpu(bench, () => measureSubmits(bench));
      const polled = await whilePolled(bench);
      figures.quiet.push(quiet.p99);
      figures.polled.push(polled.p99);
      bench.addedCpu.push(polled.cpuShare - quiet.cpuShare);
      context.log(
        `  round ${round + 1}: p99 ${polled.p99.toFixed(2)} ms under polls, ${quiet.p99.toFixed(2)} ms without`,
      );
    }
  } finally {
    await pollers.child.stop();
    await stage.close();
  }
  return {
    backEnd: 'F',
    measures: [
      {
        name: 'submit p99',
        unit: 'ms',
        compare: 'ratio',
        isMoreBetter: false,
        ours: figures.polled,
        peer: figures.quiet,
        bar: 2,
        moonshot: 1.2,
      },
      { name: 'polls/s meanwhile', unit: '/s', compare: 'alone', isMoreBetter: true, ours: bench.polls },
      { name: 'gateway CPU that polls add', unit: '%', compare: 'alone', isMoreBetter: false, ours: bench.addedCpu },
    ],
    problems: bench.problems,
    notes: [`${SUBMITS_A_SECOND} submits/s in both arms, each at its time; pollers on ${CLIENTS} connections`],
  };
}

function toTarget({ tenant, requestId }: Submission) {
  return { path: `${tenant.path}/requests/${requestId}/status`, authorization: tenant.headers['authorization'] ?? '' };
}

const seconds = (context: RunContext) => (context.isQuick ? 3 : 10);

/** Each submit is sent when its time has come, whether or not those before are answered. */
async function measureSubmits({ context, stage }: Bench): Promise<number> {
  const count = seconds(context) * SUBMITS_A_SECOND;
  const startedAt = performance.now();
  const sent: Promise<number>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startedAt + (1_000 * index) / SUBMITS_A_SECOND - performance.now();
    if (dueMs > 0) await sleep(dueMs);
    sent.push(timeSubmit(context, stage, index));
  }
  return percentile(await Promise.all(sent), 0.99);
}

async function timeSubmit(context: RunContext, stage: Stage, index: number): Promise<number> {
  const startedAt = performance.now();
  await stage.arm.submit(stage.tenant(index), context.nextColour());
  return performance.now() - startedAt;
}

/** What tells the gateway's share from the machine's: a figure that other work on it does not change. */
async function watchCpu({ stage }: Bench, measure: () => Promise<number>) {
  const { pid } = stage.service;
  const [before, startedAt] = [cpuMs(pid), performance.now()];
  const p99 = await measure();
  return { p99, cpuShare: (100 * (cpuMs(pid) - before)) / (performance.now() - startedAt) };
}

async function whilePolled(bench: Bench): Promise<{ p99: number; cpuShare: number }> {
  const { pollers, stage, targets, context } = bench;
  const orders = { url: stage.service.url, clients: CLIENTS, targets };
  await fetch(pollers.url, { method: 'POST', body: JSON.stringify(orders) });
  // All of them have their connection.
  while ((await readTally(pollers, 'GET')).polls < 3 * CLIENTS) await sleep(100);
  const startedAt = performance.now();
  const before = await readTally(pollers, 'GET');
  const measured = await watchCpu(bench, () => measureSubmits(bench));
  const after = await readTally(pollers, 'DELETE');
  const perSecond = (1_000 * (after.polls - before.polls)) / (performance.now() - startedAt);
  bench.polls.push(perSecond);
  if (after.wrong > 0) bench.problems.push(`${after.wrong} of ${after.polls} polls did not answer a status`);
  if (perSecond < 0.9 * CLIENTS) bench.problems.push(`only ${Math.round(perSecond)} polls/s`);
  // What is still under way must not reach into the next arm.
  await sleep(context.isQuick ? 300 : 1_000);
  return measured;
}

async function readTally({ url }: Peer, method: string): Promise<{ polls: number; wrong: number; worstMs: number }> {
  const reply = await fetch(url, { method });
  return (await reply.json()) as { polls: number; wrong: number; worstMs: number };
}
