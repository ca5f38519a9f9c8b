// Row 16: webhooks a second, signed, recorded and delivered to a local receiver, against a bare loop that posts the same
// bodies; and how long after the end of their requests healthy receivers get theirs while one of ten hangs.
import { setTimeout as sleep } from 'node:timers/promises';
import { startFake } from '../back-end.ts';
import { type Peer, startPeer } from '../peer-process.ts';
import { waitUntil } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage } from '../stage.ts';
import { percentile } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

/** Three tenants with four calls each under way. */
const PEER_WORKERS = 12;
const HANGING = 3;
const HOUR_MS = 3_600_000;
/** Submits a second while delays are measured: far from what either arm could do. */
const PACE_PER_SECOND = 100;

export const webhooksRow: Row = {
  number: 16,
  title: 'webhooks/s signed and delivered; p99 with one of ten receivers hanging',
  peer: 'bare undici loop; the same without the hang',
  wantsReal: false,
  seconds: { setup: 20, round: 40 },
  run,
};

interface Received {
  receivers: { port: number; delaysMs: number[]; arrivedAt: number[]; lastBody: string }[];
}

async function run(context: RunContext): Promise<RowResult> {
  const receivers = await startPeer({ file: 'webhook-receivers.ts', dir: context.makeDir('row16-receivers') });
  const poster = await startPeer({ file: 'bare-poster.ts', dir: context.makeDir('row16-poster') });
  try {
    const rates = await measureRates(context, receivers, poster);
    const delays = await measureDelays(context, receivers);
    return {
      backEnd: 'F',
      measures: [
        {
          name: 'webhooks/s',
          unit: '/s',
          compare: 'ratio',
          isMoreBetter: true,
          ...rates.figures,
          bar: 0.3,
          moonshot: 0.8,
        },
        {
          name: 'p99 to healthy receivers',
          unit: 'ms',
          compare: 'ratio',
          isMoreBetter: false,
          ...delays.figures,
          bar: 3,
          moonshot: 1.05,
        },
      ],
      problems: [...rates.problems, ...delays.problems],
      notes: [
        'a rate is that of the second half of arrivals, of requests that all end at once: by then they have ended',
        'a delay is from finished_at to the arrival; the peer of the p99 is the same load without the hang',
      ],
    };
  } finally {
    await poster.child.stop();
    await receivers.child.stop();
  }
}

async function openWebhookStage(context: RunContext, receivers: Peer, given: { name: string; serviceMs: number }) {
  const backEnd = await startFake({ dir: context.makeDir(`${given.name}-fake`), serviceMs: given.serviceMs });
  const { receivers: all } = await look(receivers);
  const env = { COMFLEET_ALLOW_PRIVATE_HOSTS: all.map(({ port }) => `127.0.0.1:${port}`).join(',') };
  const stage = await openStage(context, { name: given.name, backEnd, connections: 16, env });
  return { stage, urls: all.map(({ port }) => `http://127.0.0.1:${port}/hook`) };
}

async function measureRates(context: RunContext, receivers: Peer, poster: Peer) {
  const { stage, urls } = await openWebhookStage(context, receivers, { name: 'row16-rate', serviceMs: HOUR_MS });
  const [url = ''] = urls;
  const figures = { ours: [] as number[], peer: [] as number[] };
  const problems = [...stage.problems];
  const count = context.isQuick ? 1_500 : 6_000;
  try {
    for (let round = -1; round < context.rounds; round += 1) {
      const ours = await endAllAtOnce(stage, receivers, { url, count, problems });
      const body = (await look(receivers)).receivers[0]?.lastBody ?? '';
      const peer = await postBare(poster, { url, count: count * 2, body });
      if (round < 0) continue; // warm-up
      figures.ours.push(ours);
      figures.peer.push(peer);
      context.log(`  round ${round + 1}: ${Math.round(ours)}/s, bare loop ${Math.round(peer)}/s`);
    }
  } finally {
    await stage.close();
  }
  return { figures, problems };
}

// Every request is in the queue behind one that takes an hour; disabling the deployments ends them all.
async function endAllAtOnce(
  stage: Stage,
  receivers: Peer,
  given: { url: string; count: number; problems: string[] },
): Promise<number> {
  await runWorkers({ workers: 16, count: given.count }, async (index) => {
    await submit(stage, index, given.url);
  });
  await reset(receivers);
  await setEnabled(stage, false);
  const areThere = async () => ((await count(receivers))[0] ?? 0) >= given.count;
  await waitUntil(areThere, { what: 'every webhook', withinMs: 120_000 });
  await setEnabled(stage, true);
  const arrivals = (await look(receivers)).receivers[0]?.arrivedAt ?? [];
  const extra = arrivals.length - given.count;
  if (extra > 0) given.problems.push(`${extra} webhooks came twice although nothing failed`);
  // In the first half the requests are still being ended, which is not what is measured here.
  const half = arrivals.slice(arrivals.length >> 1);
  return (1_000 * (half.length - 1)) / ((half.at(-1) ?? 0) - (half[0] ?? 0));
}

async function measureDelays(context: RunContext, receivers: Peer) {
  const { stage, urls } = await openWebhookStage(context, receivers, { name: 'row16-delay', serviceMs: 0 });
  const figures = { ours: [] as number[], peer: [] as number[] };
  try {
    await reset(receivers);
    await submitPaced(context, stage, urls);
    for (let round = 0; round < context.rounds; round += 1) {
      await reset(receivers);
      figures.peer.push(await delayOf(context, stage, { urls, receivers }));
      await reset(receivers, HANGING);
      figures.ours.push(await delayOf(context, stage, { urls, receivers }));
      const shown = [figures.ours, figures.peer].map((values) => values.at(-1)?.toFixed(1));
      context.log(`  round ${round + 1}: p99 ${shown[0]} ms with one hanging, ${shown[1]} ms without`);
    }
  } finally {
    await stage.close();
  }
  return { figures, problems: stage.problems };
}

async function delayOf(context: RunContext, stage: Stage, given: { urls: string[]; receivers: Peer }): Promise<number> {
  const sent = await submitPaced(context, stage, given.urls);
  const healthy = ({ receivers }: Received) => receivers.flatMap((r, index) => (index === HANGING ? [] : r.delaysMs));
  const expected = sent.filter((index) => index % given.urls.length !== HANGING).length;
  const isThere = async () => {
    const counts = await count(given.receivers);
    return counts.reduce((sum, each, index) => (index === HANGING ? sum : sum + each), 0) >= expected;
  };
  await waitUntil(isThere, { what: 'every webhook to a healthy receiver', withinMs: 60_000 });
  return percentile(healthy(await look(given.receivers)), 0.99);
}

/** In even steps, so that both arms carry the same load; the receivers in turn. */
async function submitPaced(context: RunContext, stage: Stage, urls: string[]): Promise<number[]> {
  const count = PACE_PER_SECOND * (context.isQuick ? 3 : 10);
  const startedAt = performance.now();
  const sent: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const waitMs = startedAt + (1_000 * index) / PACE_PER_SECOND - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    sent.push(submit(stage, index, urls[index % urls.length] ?? ''));
  }
  await Promise.all(sent);
  return sent.map((_, index) => index);
}

async function submit(stage: Stage, index: number, webhook: string): Promise<void> {
  const { headers, path } = stage.tenant(index);
  await call(`${stage.service.url}${path}/inference`, { method: 'POST', headers, body: JSON.stringify({ webhook }) });
}

async function setEnabled(stage: Stage, isEnabled: boolean): Promise<void> {
  await Promise.all(
    stage.tenants.map(async ({ headers, path }) => {
      const body = JSON.stringify({ is_enabled: isEnabled });
      await call(`${stage.service.url}${path}`, { method: 'PATCH', headers, body });
    }),
  );
}

const look = async (receivers: Peer) => (await call(receivers.url, {})) as Received;
const count = async (receivers: Peer) => (await call(`${receivers.url}/counts`, {})) as number[];
const reset = async (receivers: Peer, hanging?: number) =>
  await call(`${receivers.url}/reset${hanging === undefined ? '' : `?hanging=${hanging}`}`, { method: 'POST' });

async function postBare(poster: Peer, given: { url: string; count: number; body: string }): Promise<number> {
  const query = new URLSearchParams({ to: given.url, count: String(given.count), workers: String(PEER_WORKERS) });
  const answer = await call(`${poster.url}/?${query}`, { method: 'POST', body: given.body });
  return (answer as { perSecond: number }).perSecond;
}

async function call(url: string, init: RequestInit): Promise<unknown> {
  const reply = await fetch(url, init);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
