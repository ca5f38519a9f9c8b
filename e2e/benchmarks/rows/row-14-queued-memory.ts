// Row 14: what a waiting request costs the gateway in memory: 100,000 queued with graphs of 20 kB, against their payload.
import { rmSync } from 'node:fs';
import { Pool } from 'undici';
import { startFake } from '../back-end.ts';
import { collectGarbage, inspectEnv } from '../collect-garbage.ts';
import { residentBytes } from '../process-cost.ts';
import { freePort } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { withDatabase } from '../service.ts';
import { openStage, type Stage } from '../stage.ts';
import { runWorkers } from '../workers.ts';

const HOUR_MS = 3_600_000;
const NODES = 200;
const CONNECTIONS = 16;
const WARM_UP = 2_000;

export const queuedMemoryRow: Row = {
  number: 14,
  title: 'gateway memory a queued request, 100,000 queued, graphs of 20 kB',
  peer: "the request's payload",
  wantsReal: false,
  seconds: { setup: 0, round: 90, mostRounds: 2 },
  run,
};

async function run(context: RunContext): Promise<RowResult> {
  const count = context.isQuick ? 10_000 : 100_000;
  const figures = { ours: [] as number[], peer: [] as number[], stored: [] as number[] };
  const problems: string[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const inspector = await freePort();
    const fake = await startFake({ dir: context.makeDir(`row14-fake-${round}`), serviceMs: HOUR_MS });
    const env = inspectEnv(inspector);
    const stage = await openStage(context, { name: `row14-${round}`, backEnd: fake, connections: CONNECTIONS, env });
    try {
      const { grown, payload, stored } = await measure(context, { stage, count, inspector });
      figures.ours.push(grown);
      figures.peer.push(payload);
      figures.stored.push(stored);
      context.log(
        `  round ${round + 1}: ${Math.round(grown)} bytes a request of ${payload}; ${Math.round(stored)} stored`,
      );
    } finally {
      problems.push(...stage.problems);
      await stage.close();
      rmSync(context.makeDir(`row14-${round}`), { recursive: true, force: true }); // gigabytes
    }
  }
  const { stored, ...growth } = figures;
  const own = { unit: 'B', isMoreBetter: false } as const;
  return {
    backEnd: 'F',
    measures: [
      { ...own, ...growth, name: 'memory / payload', compare: 'ratio', bar: 0.25, moonshot: 0.01 },
      { ...own, ours: stored, name: 'bytes a row in PostgreSQL', compare: 'alone' },
    ],
    problems,
    notes: ['after a forced collection, before and after'],
  };
}

interface Filling {
  readonly stage: Stage;
  readonly count: number;
  readonly inspector: number;
}

async function measure(context: RunContext, { stage, count, inspector }: Filling) {
  const { pid } = stage.service;
  const pool = new Pool(stage.service.url, { connections: CONNECTIONS, pipelining: 1 });
  const { path, headers } = stage.tenant(0);
  let payload = 0;
  const submit = async () => {
    const body = largeGraph(context.nextColour());
    payload = Buffer.byteLength(body);
    const reply = await pool.request({ path: `${path}/inference`, method: 'POST', headers: { ...headers }, body });
    const text = await reply.body.text();
    if (reply.statusCode !== 200) throw new Error(`a submit answered ${reply.statusCode}: ${text.slice(0, 300)}`);
  };
  await runWorkers({ workers: CONNECTIONS, count: WARM_UP }, submit);
  await collectGarbage({ pid, port: inspector });
  const before = { memory: residentBytes(pid), stored: await storedBytes(stage) };
  await runWorkers({ workers: CONNECTIONS, count }, submit);
  await collectGarbage({ pid, port: inspector });
  const grown = (residentBytes(pid) - before.memory) / count;
  await pool.close();
  return { grown, payload, stored: ((await storedBytes(stage)) - before.stored) / count };
}

function largeGraph(colour: number): string {
  const graph: Record<string, object> = {};
  for (let node = 0; node < NODES; node += 1) {
    const inputs = { width: 64, height: 64, batch_size: 1, color: (colour + node) % 0x1000000 };
    graph[String(node + 10)] = { class_type: 'EmptyImage', inputs };
  }
  graph['2'] = { class_type: 'SaveImage', inputs: { images: ['10', 0], filename_prefix: 'img' } };
  return JSON.stringify({ workflow_api_json: graph });
}

async function storedBytes({ service }: Stage): Promise<number> {
  return await withDatabase(service, 'comfleet', async (client) => {
    const { rows } = await client.query<{ bytes: string }>(
      `select (pg_total_relation_size('requests') + pg_total_relation_size('request_payloads'))::text as bytes`,
    );
    return Number(rows[0]?.bytes);
  });
}
