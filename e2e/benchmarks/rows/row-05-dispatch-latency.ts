// Row 5: from a submit's acceptance to the prompt's arrival at an idle back end, against graphile-worker's add to start
// on the same PostgreSQL.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clearHistory, listExecuted, startFake } from '../back-end.ts';
import { readStamps } from '../fake-control.ts';
import type { Submission } from '../gateway-arm.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { type Service, withDatabase } from '../service.ts';
import { openStage, type Stage, submitAll, warmUp } from '../stage.ts';
import { nowMs, percentile } from '../statistics.ts';
import { sweepGateway } from '../sweep.ts';

const PEER_DATABASE = 'bench_graphile';

export const dispatchLatencyRow: Row = {
  number: 5,
  title: 'dispatch latency, submit accepted to back end receives /prompt, idle',
  peer: 'graphile-worker, add to start',
  wantsReal: false,
  seconds: { setup: 15, round: 7 },
  run,
};

interface Sample {
  fromCall: number;
  fromAdded: number;
}

async function run(context: RunContext): Promise<RowResult> {
  const fake = await startFake({ dir: context.makeDir('row5-fake') });
  const stage = await openStage(context, { name: 'row5', backEnd: fake, connections: 16 });
  await withDatabase(stage.service, 'postgres', (client) => client.query(`create database ${PEER_DATABASE}`));
  const peer = await startPeer(stage.service);
  const count = context.isQuick ? 60 : 300;
  const problems = [...stage.problems];
  const rounds: { ours: Sample[]; peer: Sample[] }[] = [];
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    await peer.measure(count);
    for (let round = 0; round < context.rounds; round += 1) {
      const theirs = await peer.measure(count);
      const ours = await measureGateway({ context, stage, problems }, count);
      rounds.push({ ours, peer: theirs });
      const shown = [ours, theirs].map((samples) =>
        percentile(
          samples.map(({ fromAdded }) => fromAdded),
          0.5,
        ).toFixed(2),
      );
      context.log(`  round ${round + 1}: p50 ${shown[0]} ms, graphile-worker ${shown[1]} ms`);
    }
  } finally {
    await peer.stop();
    await stage.close();
  }
  return report(rounds, problems, count);
}

function report(rounds: { ours: Sample[]; peer: Sample[] }[], problems: string[], count: number): RowResult {
  const share = (arm: 'ours' | 'peer', key: keyof Sample, at: number) =>
    rounds.map((round) =>
      percentile(
        round[arm].map((sample) => sample[key]),
        at,
      ),
    );
  const pair = (key: keyof Sample, at: number) => ({ ours: share('ours', key, at), peer: share('peer', key, at) });
  const ratio = { unit: 'ms', compare: 'ratio', isMoreBetter: false } as const;
  return {
    backEnd: 'F',
    measures: [
      { ...ratio, name: 'from accepted, p50', ...pair('fromAdded', 0.5), bar: 3, moonshot: 1 },
      { ...ratio, name: 'from accepted, p99', ...pair('fromAdded', 0.99) },
      { ...ratio, name: 'from the call, p50 (ours over HTTP)', ...pair('fromCall', 0.5) },
    ],
    problems,
    notes: [
      `${count} sequential; accepted = the caller has its answer: below 0 the back end had the prompt before that`,
    ],
  };
}

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly problems: string[];
}

async function measureGateway({ context, stage, problems }: Bench, count: number): Promise<Sample[]> {
  const { url } = stage.backEnd;
  await clearHistory(url);
  const sent: { submission: Submission; calledAt: number; acceptedAt: number }[] = [];
  for (let index = 0; index < count; index += 1) {
    const calledAt = nowMs();
    const submission = await stage.arm.submit(stage.tenant(index), context.nextColour());
    sent.push({ submission, calledAt, acceptedAt: nowMs() });
    while ((await stage.arm.status(submission)) !== 'completed') await pause(2);
    await pause(3);
  }
  const stamps = await readStamps(url);
  const ids = new Map((await listExecuted(url)).map(({ colour, promptId }) => [colour, promptId]));
  problems.push(
    ...(await sweepGateway({ arm: stage.arm, backEndUrl: url, submissions: sent.map((one) => one.submission) })),
  );
  return sent.map(({ submission, calledAt, acceptedAt }) => {
    const [receivedAt] = stamps.get(ids.get(submission.colour) ?? '') ?? [Number.NaN];
    return { fromCall: receivedAt - calledAt, fromAdded: receivedAt - acceptedAt };
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function startPeer({ connection }: Service) {
  const file = fileURLToPath(new URL('../peers/graphile-peer.ts', import.meta.url));
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--import', 'tsx', file, connection.host, connection.user, PEER_DATABASE];
  const child: ChildProcess = spawn(process.execPath, args, { cwd, stdio: ['pipe', 'pipe', 'ignore'] });
  if (child.stdout === null) throw new Error('graphile-worker has no output');
  const lines: Interface = createInterface({ input: child.stdout });
  // graphile-worker logs to stdout as well.
  const nextLine = async (isWanted: (line: string) => boolean) => {
    for (;;) {
      const [line] = (await once(lines, 'line')) as [string];
      if (isWanted(line)) return line;
    }
  };
  await nextLine((line) => line === 'ready');
  return {
    async measure(count: number): Promise<Sample[]> {
      child.stdin?.write(`${count}\n`);
      return JSON.parse(await nextLine((line) => line.startsWith('[{')));
    },
    async stop() {
      const ended = once(child, 'exit');
      child.stdin?.end();
      await ended;
    },
  };
}
