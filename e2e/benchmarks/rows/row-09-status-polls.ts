// Row 9: status polls per second with one core for the gateway, against a Node endpoint that answers a constant.
import { cpus } from 'node:os';
import { startFake } from '../back-end.ts';
import { setServiceTime } from '../fake-control.ts';
import type { Submission } from '../gateway-arm.ts';
import { runLoad } from '../load.ts';
import { type Peer, startPeer } from '../peer-process.ts';
import { pinTo } from '../pin.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll, warmUp } from '../stage.ts';
import { createRandom } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

const CONNECTIONS = 32;
const HOUR_MS = 3_600_000;

export const statusPollsRow: Row = {
  number: 9,
  title: 'status polls/s, one core for the gateway',
  peer: 'Node no-op endpoint',
  wantsReal: false,
  seconds: { setup: 30, round: 45 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly peer: Peer;
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const fake = await startFake({ dir: context.makeDir('row9-fake') });
  const stage = await openStage(context, { name: 'row9', backEnd: fake, connections: 16 });
  const peer = await startPeer({ file: 'no-op-server.ts', dir: context.makeDir('row9') });
  const bench: Bench = { context, stage, peer, problems: [...stage.problems] };
  const figures = { live: [] as number[], ended: [] as number[], noOp: [] as number[] };
  let isPinned = false;
  try {
    await warmUp(context, (size) => submitAll(stage, context, size));
    const ended = await submitAll(stage, context, 500);
    await setServiceTime(fake.url, HOUR_MS);
    const live = await runWorkers({ workers: 16, count: 500 }, (index) =>
      stage.arm.submit(stage.tenant(index), context.nextColour()),
    );
    isPinned = pinApart([stage.service.pid, peer.child.pid]);
    for (let round = -1; round < context.rounds; round += 1) {
      const figure = {
        noOp: await pollPeer(bench),
        live: await poll(bench, live, ''),
        ended: await poll(bench, ended, 'completed'),
      };
      if (round < 0) continue; // warm-up
      for (const name of ['live', 'ended', 'noOp'] as const) figures[name].push(figure[name]);
      context.log(
        `  round ${round + 1}: live ${Math.round(figure.live)}/s, ended ${Math.round(figure.ended)}/s, no-op ${Math.round(figure.noOp)}/s`,
      );
    }
  } finally {
    pinTo(process.pid, `0-${cpus().length - 1}`);
    await peer.child.stop();
    await stage.close();
  }
  const ratio = {
    unit: '/s',
    compare: 'ratio',
    isMoreBetter: true,
    peer: figures.noOp,
    bar: 0.3,
    moonshot: 0.6,
  } as const;
  return {
    backEnd: 'F',
    measures: [
      { ...ratio, name: 'of unfinished requests', ours: figures.live },
      { ...ratio, name: 'of finished requests', ours: figures.ended },
    ],
    problems: bench.problems,
    notes: [
      isPinned ? 'server arms pinned to one core, the client to the others' : 'taskset is missing: nothing was pinned',
    ],
  };
}

function pinApart(serverPids: number[]): boolean {
  const last = cpus().length - 1;
  if (last === 0) return false;
  return [...serverPids.map((pid) => pinTo(pid, '0')), pinTo(process.pid, `1-${last}`)].every(Boolean);
}

const seconds = (context: RunContext) => (context.isQuick ? 2 : 5);

/** Ids at random; each answer must be the status of the request that was asked about. */
async function poll({ context, stage, problems }: Bench, submissions: Submission[], word: string): Promise<number> {
  const random = createRandom(context.seed);
  let wrong = 0;
  const load = await runLoad({
    url: stage.service.url,
    connections: CONNECTIONS,
    seconds: seconds(context),
    next: () => {
      const { tenant, requestId } = submissions[Math.floor(random() * submissions.length)] as Submission;
      return { method: 'GET', path: `${tenant.path}/requests/${requestId}/status`, headers: { ...tenant.headers } };
    },
    onAnswer: (_, body) => {
      const isRight = word === '' ? /"status":"in_(queue|progress)"/.test(body) : body.includes(`"status":"${word}"`);
      if (!isRight) wrong += 1;
    },
  });
  problems.push(...load.problems, ...(wrong > 0 ? [`${wrong} polls did not answer the request's status`] : []));
  return load.perSecond;
}

async function pollPeer({ context, peer, problems }: Bench): Promise<number> {
  const next = () => ({ method: 'GET' as const, path: '/', headers: {} });
  const load = await runLoad({ url: peer.url, connections: CONNECTIONS, seconds: seconds(context), next });
  problems.push(...load.problems.map((problem) => `no-op arm: ${problem}`));
  return load.perSecond;
}
