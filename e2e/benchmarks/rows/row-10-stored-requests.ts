// Row 10: p99 of status polls with 100,000 and 1,000,000 requests stored, against the same with 1,000. Three services side
// by side, polled in turn. Also, unscored: a page of the list at the largest.
import { startFake } from '../back-end.ts';
import { openPoller, type Poller } from '../poll-latency.ts';
import type { Measure, Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage } from '../stage.ts';
import { createRandom, percentile } from '../statistics.ts';
import { drawIds, storeRequests } from '../stored-requests.ts';

const SIZES = [1_000, 100_000, 1_000_000];
const QUICK_SIZES = [1_000, 20_000, 100_000];
const DRAWN = 20_000;
const PAGES = 300;

export const storedRequestsRow: Row = {
  number: 10,
  title: 'status p99 with many requests stored',
  peer: 'the same with 1,000 stored',
  wantsReal: false,
  seconds: { setup: 180, round: 30 },
  run,
};

interface Store {
  readonly size: number;
  readonly stage: Stage;
  readonly poller: Poller;
  readonly ids: readonly string[];
  readonly p50: number[];
  readonly p99: number[];
}

async function run(context: RunContext): Promise<RowResult> {
  const stores: Store[] = [];
  const pages: number[] = [];
  try {
    for (const size of context.isQuick ? QUICK_SIZES : SIZES) stores.push(await fill(context, size));
    for (let round = -1; round < context.rounds; round += 1) {
      for (const store of stores) await measure(context, store, round);
      const largest = stores.at(-1);
      if (round >= 0 && largest) pages.push(percentile(await pollPages(context, largest), 0.99));
      const shown = stores.map(({ size, p99 }) => `${size}: ${p99.at(-1)?.toFixed(2)} ms`).join(', ');
      if (round >= 0) context.log(`  round ${round + 1}: p99 ${shown}; list page ${pages.at(-1)?.toFixed(2)} ms`);
    }
  } finally {
    for (const { poller, stage } of stores) {
      await poller.close();
      await stage.close();
    }
  }
  const [base, ...larger] = stores;
  const measures: Measure[] = larger.flatMap((store) => compare(store, base));
  const alone = { compare: 'alone', isMoreBetter: false, unit: 'ms' } as const;
  measures.push({ ...alone, name: `list page p99 at ${larger.at(-1)?.size}`, ours: pages });
  return { backEnd: 'F', measures, problems: stores.flatMap(({ stage }) => stage.problems), notes: [] };
}

function compare({ size, p50, p99 }: Store, base: Store | undefined): Measure[] {
  const ratio = { unit: 'ms', compare: 'ratio', isMoreBetter: false } as const;
  return [
    { ...ratio, name: `status p99 at ${size}`, ours: p99, peer: base?.p99 ?? [], bar: 1.5, moonshot: 1.05 },
    { ...ratio, name: `status p50 at ${size}`, ours: p50, peer: base?.p50 ?? [] },
  ];
}

async function fill(context: RunContext, size: number): Promise<Store> {
  const fake = await startFake({ dir: context.makeDir(`row10-fake-${size}`) });
  const stage = await openStage(context, { name: `row10-${size}`, backEnd: fake, connections: 4 });
  const tenant = stage.tenant(0);
  context.log(`  storing ${size} requests`);
  await storeRequests(stage.service, tenant, size);
  const ids = await drawIds(stage.service, tenant, DRAWN);
  return { size, stage, poller: openPoller(stage.service.url), ids, p50: [], p99: [] };
}

async function measure(context: RunContext, store: Store, round: number): Promise<void> {
  const { path, headers } = store.stage.tenant(0);
  const random = createRandom(context.seed + round);
  const times = await store.poller.poll({
    count: context.isQuick ? 4_000 : DRAWN,
    next: () => ({ path: `${path}/requests/${store.ids[Math.floor(random() * store.ids.length)]}/status`, headers }),
    onAnswer: (body) => {
      if (!/"status":"(completed|in_queue)"/.test(body)) store.stage.problems.push(`a poll answered ${body}`);
    },
  });
  if (round < 0) return; // warm-up
  store.p50.push(percentile(times, 0.5));
  store.p99.push(percentile(times, 0.99));
}

/** Pages of 50 one after the other, as a reader goes through them. */
async function pollPages(_context: RunContext, store: Store): Promise<number[]> {
  const { path, headers } = store.stage.tenant(0);
  let cursor = '';
  const times: number[] = [];
  for (let page = 0; page < PAGES; page += 1) {
    const [tookMs] = await store.poller.poll({
      count: 1,
      next: () => ({ path: `${path}/requests?limit=50${cursor}`, headers }),
      onAnswer: (body) => {
        const next = /"next_cursor":"([^"]+)"/.exec(body)?.[1];
        cursor = next === undefined ? '' : `&cursor=${next}`;
      },
    });
    times.push(tookMs ?? Number.NaN);
  }
  return times;
}
