// Row 19: the instance proxy against a naive Node pipe in front of the same back end: calls a second, what it adds to one
// call, and the gateway's memory while 500 MB pass.
import { cpus } from 'node:os';
import { request } from 'undici';
import { startFake } from '../back-end.ts';
import { runLoad } from '../load.ts';
import { type Peer, startPeer } from '../peer-process.ts';
import { pinTo } from '../pin.ts';
import { residentBytes } from '../process-cost.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage } from '../stage.ts';
import { median } from '../statistics.ts';

const MIB = 1024 * 1024;
const CONNECTIONS = 32;
const SAMPLE_MS = 20;

export const instanceProxyRow: Row = {
  number: 19,
  title: 'instance proxy',
  peer: 'naive Node pipe',
  wantsReal: false,
  seconds: { setup: 15, round: 25 },
  run,
};

interface Arm {
  readonly url: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly ours: Arm;
  readonly peer: Arm;
  readonly direct: Arm;
  readonly problems: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const fake = await startFake({ dir: context.makeDir('row19-fake') });
  const stage = await openStage(context, { name: 'row19', backEnd: fake, connections: 4 });
  const peer = await startPeer({ file: 'pipe-proxy.ts', dir: context.makeDir('row19'), args: [fake.url] });
  const figures = { ours: [] as number[], peer: [] as number[], added: [] as number[], rise: [] as number[] };
  const problems = [...stage.problems];
  let isPinned = false;
  try {
    const bench = await prepare(context, { stage, peer, problems });
    isPinned = pinApart([stage.service.pid, peer.child.pid]);
    for (let round = -1; round < context.rounds; round += 1) {
      const figure = {
        peer: await load(bench, bench.peer),
        ours: await load(bench, bench.ours),
        added: (await medianMs(context, bench.ours)) - (await medianMs(context, bench.direct)),
        rise: await passLarge(bench),
      };
      if (round < 0) continue; // warm-up
      for (const name of ['ours', 'peer', 'added', 'rise'] as const) figures[name].push(figure[name]);
      context.log(
        `  round ${round + 1}: ${Math.round(figure.ours)}/s, pipe ${Math.round(figure.peer)}/s, + ${figure.added.toFixed(2)} ms, memory + ${figure.rise.toFixed(1)} MiB`,
      );
    }
  } finally {
    pinTo(process.pid, `0-${cpus().length - 1}`);
    await peer.child.stop();
    await stage.close();
  }
  const { ours, peer: theirs, added, rise } = figures;
  const alone = { compare: 'alone', isMoreBetter: false } as const;
  return {
    backEnd: 'F',
    measures: [
      {
        name: 'calls',
        unit: '/s',
        compare: 'ratio',
        isMoreBetter: true,
        ours,
        peer: theirs,
        bar: 0.6,
        moonshot: 1,
      },
      { ...alone, name: 'added to one call, p50', unit: 'ms', ours: added, bar: 1, moonshot: 0.2 },
      { ...alone, name: 'gateway memory rise', unit: 'MiB', ours: rise, bar: 64, moonshot: 8 },
    ],
    problems,
    notes: [isPinned ? 'both arms pinned to one core' : 'taskset is missing: nothing was pinned'],
  };
}

function pinApart(serverPids: number[]): boolean {
  const last = cpus().length - 1;
  if (last === 0) return false;
  return [...serverPids.map((pid) => pinTo(pid, '0')), pinTo(process.pid, `1-${last}`)].every(Boolean);
}

async function prepare(
  context: RunContext,
  { stage, peer, problems }: { stage: Stage; peer: Peer; problems: string[] },
): Promise<Bench> {
  const { path, headers } = stage.tenant(0);
  const reply = await fetch(`${stage.service.url}${path}/instances`, { headers });
  const { data } = (await reply.json()) as { data: { id: string }[] };
  const base = `${path}/instances/${data[0]?.id}/proxy`;
  const { authorization = '' } = headers;
  return {
    context,
    stage,
    problems,
    ours: { url: stage.service.url, path: base, headers: { authorization } },
    peer: { url: peer.url, path: '', headers: {} },
    direct: { url: stage.backEnd.url, path: '', headers: {} },
  };
}

async function load({ context, problems }: Bench, arm: Arm): Promise<number> {
  let wrong = 0;
  const result = await runLoad({
    url: arm.url,
    connections: CONNECTIONS,
    seconds: context.isQuick ? 2 : 5,
    next: () => ({ method: 'GET', path: `${arm.path}/prompt`, headers: { ...arm.headers } }),
    onAnswer: (_, body) => {
      if (!body.includes('queue_remaining')) wrong += 1;
    },
  });
  problems.push(...result.problems, ...(wrong > 0 ? [`${wrong} answers were not the back end's`] : []));
  return result.perSecond;
}

/** One call after the other. */
async function medianMs(context: RunContext, { url, path, headers }: Arm): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < (context.isQuick ? 300 : 1_000); call += 1) {
    const startedAt = performance.now();
    const { body } = await request(`${url}${path}/prompt`, { headers });
    await body.dump();
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function passLarge({ context, stage, ours, problems }: Bench): Promise<number> {
  const sizeMib = context.isQuick ? 100 : 500;
  const { pid } = stage.service;
  const before = residentBytes(pid);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, SAMPLE_MS);
  const { body } = await request(`${ours.url}${ours.path}/models/large/${sizeMib}`, { headers: ours.headers });
  let bytes = 0;
  for await (const chunk of body) bytes += (chunk as Buffer).length;
  clearInterval(timer);
  if (bytes !== sizeMib * MIB) problems.push(`${bytes} of ${sizeMib * MIB} bytes came through`);
  return (Math.max(most, residentBytes(pid)) - before) / MIB;
}
