// Row 7: durable submits per second at 32 connections, against a naive Node endpoint with one insert on the same
// PostgreSQL. Afterwards everything is killed with -9 and each answered request must be there after the restart.
import { startFake } from '../back-end.ts';
import { type LoadResult, runLoad } from '../load.ts';
import { type Peer, startPeer } from '../peer-process.ts';
import { cpuMs, watchCpuWithChildren } from '../process-cost.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { startService, withDatabase } from '../service.ts';
import { openStage, type Stage } from '../stage.ts';
import { countMissing } from '../stored-requests.ts';

const CONNECTIONS = 32;
const OVERRIDE_CHARACTERS = 900;
const PEER_DATABASE = 'bench_naive';
const HOUR_MS = 3_600_000;

export const durableSubmitsRow: Row = {
  number: 7,
  title: 'durable submits/s, 1 kB overrides, 32 connections',
  peer: 'naive Node endpoint + one insert',
  wantsReal: false,
  seconds: { setup: 35, round: 22 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly peer: Peer;
  readonly accepted: string[];
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  // Nothing drains: what is measured is acceptance alone.
  const fake = await startFake({ dir: context.makeDir('row7-fake'), serviceMs: HOUR_MS });
  const stage = await openStage(context, { name: 'row7', backEnd: fake, connections: 4 });
  const { connection } = stage.service;
  await withDatabase(stage.service, 'postgres', (client) => client.query(`create database ${PEER_DATABASE}`));
  const args = [connection.host, connection.user, PEER_DATABASE];
  const peer = await startPeer({ file: 'naive-insert.ts', dir: context.makeDir('row7'), args });
  const bench: Bench = { context, stage, peer, accepted: [], problems: [...stage.problems] };
  const figures = {
    ours: [] as number[],
    peer: [] as number[],
    p99: [] as number[],
    gatewayUs: [] as number[],
    postgresUs: [] as number[],
  };
  try {
    await loadGateway(bench, warmSeconds(context));
    await loadPeer(bench, warmSeconds(context));
    for (let round = 0; round < context.rounds; round += 1) {
      figures.peer.push((await loadPeer(bench, seconds(context))).perSecond);
      const { load, gatewayUs, postgresUs } = await measureGateway(bench);
      figures.ours.push(load.perSecond);
      figures.p99.push(load.p99Ms);
      figures.gatewayUs.push(gatewayUs);
      figures.postgresUs.push(postgresUs);
      context.log(
        `  round ${round + 1}: ${Math.round(load.perSecond)}/s, naive ${Math.round(figures.peer.at(-1) ?? 0)}/s`,
      );
    }
    await peer.child.stop();
    bench.problems.push(...(await crashAndCount(bench)));
  } finally {
    await peer.child.stop();
    await stage.close();
  }
  const alone = { compare: 'alone', isMoreBetter: false } as const;
  return {
    backEnd: 'F',
    measures: [
      {
        name: 'submits/s',
        unit: '/s',
        compare: 'ratio',
        isMoreBetter: true,
        ours: figures.ours,
        peer: figures.peer,
        bar: 0.8,
        moonshot: 1.3,
      },
      { ...alone, name: 'submit p99', unit: 'ms', ours: figures.p99 },
      { ...alone, name: 'gateway CPU per submit', unit: 'us', ours: figures.gatewayUs },
      { ...alone, name: 'PostgreSQL CPU per submit', unit: 'us', ours: figures.postgresUs },
    ],
    problems: bench.problems,
    notes: [
      `${bench.accepted.length} answered with 200 in all; after kill -9 of service and PostgreSQL each was looked for`,
    ],
  };
}

const seconds = (context: RunContext) => (context.isQuick ? 2 : 10);
const warmSeconds = (context: RunContext) => (context.isQuick ? 2 : 5);

function nextBody(context: RunContext): string {
  const colour = context.nextColour();
  const prefix = `p${colour}`.padEnd(OVERRIDE_CHARACTERS, 'x');
  return `{"overrides":{"1":{"inputs":{"color":${colour}}},"2":{"inputs":{"filename_prefix":"${prefix}"}}}}`;
}

async function loadGateway({ context, stage, accepted, problems }: Bench, duration: number): Promise<LoadResult> {
  let turn = 0;
  const load = await runLoad({
    url: stage.service.url,
    connections: CONNECTIONS,
    seconds: duration,
    next: () => {
      turn += 1;
      const { path, headers } = stage.tenant(turn);
      return { method: 'POST', path: `${path}/inference`, headers: { ...headers }, body: nextBody(context) };
    },
    onAnswer: (status, body) => {
      if (status === 200) accepted.push(idOf(body));
    },
  });
  problems.push(...load.problems);
  return load;
}

async function loadPeer({ context, peer, problems }: Bench, duration: number): Promise<LoadResult> {
  const load = await runLoad({
    url: peer.url,
    connections: CONNECTIONS,
    seconds: duration,
    next: () => ({
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/json' },
      body: nextBody(context),
    }),
  });
  problems.push(...load.problems.map((problem) => `naive arm: ${problem}`));
  return load;
}

async function measureGateway(bench: Bench) {
  const { service } = bench.stage;
  const postgresCpuMs = watchCpuWithChildren(service.postmasterPid());
  const cpuBeforeMs = cpuMs(service.pid);
  const acceptedBefore = bench.accepted.length;
  const load = await loadGateway(bench, seconds(bench.context));
  const count = bench.accepted.length - acceptedBefore;
  const gatewayUs = (1_000 * (cpuMs(service.pid) - cpuBeforeMs)) / count;
  const postgresUs = (1_000 * postgresCpuMs()) / count;
  return { load, gatewayUs, postgresUs };
}

// The first key of the answer: parsing a hundred thousand bodies would be the client's load, not the gateway's.
function idOf(body: string): string {
  return /"request_id":"([^"]+)"/.exec(body)?.[1] ?? body;
}

async function crashAndCount({ context, stage, accepted }: Bench): Promise<string[]> {
  const { buildDir } = context;
  const dataDir = stage.service.connection.host.replace(/\/postgres$/, '');
  await stage.service.crash();
  const restarted = await startService({ buildDir, dataDir, comfyuiUrl: stage.backEnd.url });
  try {
    const missing = await countMissing(restarted, accepted);
    const twice = accepted.length - new Set(accepted).size;
    return [
      ...(missing > 0 ? [`${missing} of ${accepted.length} answered requests are not in the table after kill -9`] : []),
      ...(twice > 0 ? [`${twice} request ids were answered twice`] : []),
    ];
  } finally {
    restarted.signal('SIGKILL');
    process.kill(restarted.postmasterPid(), 'SIGQUIT');
  }
}
