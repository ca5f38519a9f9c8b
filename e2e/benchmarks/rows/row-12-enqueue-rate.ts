// Row 12: submits per second for the last tenth of a backlog of 100,000 in one deployment, against those of the first tenth.
import { startFake } from '../back-end.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { withDatabase } from '../service.ts';
import { openStage, type Stage } from '../stage.ts';
import { nowMs } from '../statistics.ts';
import { runWorkers } from '../workers.ts';

const CONNECTIONS = 32;
const HOUR_MS = 3_600_000;
const BACKLOG = 100_000;
const QUICK_BACKLOG = 20_000;
const WARM_UP = 3_000;

export const enqueueRateRow: Row = {
  number: 12,
  title: 'submits/s for rows 90,000 to 100,000 of a backlog',
  peer: 'rows 0 to 10,000 of it',
  wantsReal: false,
  seconds: { setup: 20, round: 30 },
  run,
};

async function run(context: RunContext): Promise<RowResult> {
  const figures = { first: [] as number[], last: [] as number[] };
  const problems: string[] = [];
  // Each round has a service of its own: a backlog is there once.
  for (let round = 0; round < context.rounds; round += 1) {
    const fake = await startFake({ dir: context.makeDir(`row12-fake-${round}`), serviceMs: HOUR_MS });
    const stage = await openStage(context, { name: `row12-${round}`, backEnd: fake, connections: CONNECTIONS });
    try {
      const { first, last } = await fill(context, stage, problems);
      figures.first.push(first);
      figures.last.push(last);
      context.log(`  round ${round + 1}: first tenth ${Math.round(first)}/s, last tenth ${Math.round(last)}/s`);
    } finally {
      problems.push(...stage.problems);
      await stage.close();
    }
  }
  const measure = { unit: '/s', compare: 'ratio', isMoreBetter: true, bar: 0.8, moonshot: 0.97 } as const;
  return {
    backEnd: 'F',
    measures: [{ ...measure, name: 'last tenth / first tenth', ours: figures.last, peer: figures.first }],
    problems,
    notes: ['every answered request is looked for in the table'],
  };
}

async function fill(context: RunContext, stage: Stage, problems: string[]): Promise<{ first: number; last: number }> {
  const count = context.isQuick ? QUICK_BACKLOG : BACKLOG;
  // Another deployment warms the service up, so that the first tenth is not slow for being first.
  const submit = async (tenant: number) =>
    (await stage.arm.submit(stage.tenant(tenant), context.nextColour())).requestId;
  await runWorkers({ workers: CONNECTIONS, count: WARM_UP }, () => submit(1));
  const tenth = count / 10;
  const startedAt = nowMs();
  const marks = new Map<number, number>();
  let answered = 0;
  const ids = await runWorkers({ workers: CONNECTIONS, count }, async () => {
    const id = await submit(0);
    answered += 1;
    if (answered % tenth === 0) marks.set(answered, nowMs());
    return id;
  });
  const at = (index: number) => marks.get(index) ?? Number.NaN;
  const stored = await countStored(stage);
  if (new Set(ids).size !== count || stored !== count) problems.push(`${stored} of ${count} submits are in the table`);
  return { first: (1_000 * tenth) / (at(tenth) - startedAt), last: (1_000 * tenth) / (at(count) - at(count - tenth)) };
}

async function countStored(stage: Stage): Promise<number> {
  return await withDatabase(stage.service, 'comfleet', async (client) => {
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::int4 as count from requests where deployment_id = $1',
      [stage.tenant(0).deploymentId],
    );
    return rows[0]?.count ?? -1;
  });
}
