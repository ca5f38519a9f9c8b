// Row 22: everything is killed with -9 while 100,000 wait, and started again at once: until the first submit is accepted,
// against a naive endpoint on a PostgreSQL that was killed alike; and until the back end gets the first prompt.
import { readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { type BackEnd, listExecuted, startFake } from '../back-end.ts';
import { readStamps } from '../fake-control.ts';
import { openGatewayArm, type Submission } from '../gateway-arm.ts';
import { overridesBody } from '../graph.ts';
import { freePort, startNode } from '../processes.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { type Service, spawnService, startService, withDatabase } from '../service.ts';
import { nowMs } from '../statistics.ts';
import { countMissing } from '../stored-requests.ts';
import { createTenants, type Tenant } from '../tenants.ts';
import { runWorkers } from '../workers.ts';

/** Short enough that prompts flow, long enough that the backlog stays. */
const SERVICE_MS = 50;
const CONNECTIONS = 32;
const PAUSE_MS = 5;
/** What was written before the kill may still be read for a moment; no start is that fast. */
const IN_FLIGHT_MS = 100;
const WITHIN_MS = 60_000;
const PEER_DATABASE = 'bench_restart';
/** About what a request and its payload take. */
const PEER_ROW_BYTES = 1_000;

export const restartRow: Row = {
  number: 22,
  title: 'restart: kill -9 of everything, 100,000 queued',
  peer: 'PostgreSQL and a naive endpoint, killed and started alike, 100,000 rows',
  wantsReal: false,
  seconds: { setup: 45, round: 12 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly fake: BackEnd;
  readonly dataDir: string;
  readonly accepted: string[];
}

async function run(context: RunContext): Promise<RowResult> {
  const count = context.isQuick ? 10_000 : 100_000;
  const fake = await startFake({ dir: context.makeDir('row22-fake'), serviceMs: SERVICE_MS });
  const bench: Bench = { context, fake, dataDir: context.makeDir('row22'), accepted: [] };
  const figures = { ours: [] as number[], peer: [] as number[], dispatch: [] as number[] };
  let service = await startService({ buildDir: context.buildDir, dataDir: bench.dataDir, comfyuiUrl: fake.url });
  const peer = await preparePeer(context, count);
  const problems: string[] = [];
  try {
    const tenants = await createTenants(service);
    await fill(bench, service, { tenants, count });
    for (let round = 0; round < context.rounds; round += 1) {
      const restart = async () => {
        const restarted = await timeRestart(bench, service, tenants[round % tenants.length] as Tenant);
        service = restarted.service;
        figures.ours.push(restarted.acceptedMs);
        figures.dispatch.push(restarted.dispatchMs);
      };
      const arms = [restart, async () => void figures.peer.push(await peer.timeRestart())];
      for (const arm of round % 2 === 0 ? arms : arms.reverse()) await arm();
      const [ours, dispatch, theirs] = [figures.ours, figures.dispatch, figures.peer].map((all) =>
        all.at(-1)?.toFixed(0),
      );
      context.log(
        `  round ${round + 1}: accepted after ${ours} ms, dispatched after ${dispatch} ms; bare ${theirs} ms`,
      );
    }
    problems.push(...(await sweep(bench, service)));
  } finally {
    peer.stop();
    await service.stop();
    await fake.stop();
  }
  return report(figures, { problems, count });
}

function report(
  { ours, peer, dispatch }: { ours: number[]; peer: number[]; dispatch: number[] },
  { problems, count }: { problems: string[]; count: number },
): RowResult {
  const time = { unit: 'ms', isMoreBetter: false } as const;
  return {
    backEnd: 'F',
    measures: [
      { ...time, name: 'to the first submit accepted', compare: 'ratio', ours, peer, bar: 3, moonshot: 1.5 },
      { ...time, name: 'to the first dispatch', compare: 'alone', ours: dispatch, bar: 5_000, moonshot: 1_000 },
    ],
    problems,
    notes: [
      `${count} queued; from kill -9 of service and PostgreSQL, started again at once; the first round replays the most`,
      'afterwards each answered submit was looked for, and nothing had been executed twice',
    ],
  };
}

async function fill({ context, accepted }: Bench, service: Service, given: { tenants: Tenant[]; count: number }) {
  const arm = openGatewayArm(service.url, CONNECTIONS);
  const { tenants, count } = given;
  const submissions: Submission[] = await runWorkers({ workers: CONNECTIONS, count }, (index) =>
    arm.submit(tenants[index % tenants.length] as Tenant, context.nextColour()),
  );
  for (const { requestId } of submissions) accepted.push(requestId);
  await arm.close();
}

async function timeRestart({ context, fake, dataDir, accepted }: Bench, before: Service, tenant: Tenant) {
  const killedAt = nowMs();
  await before.crash();
  const deadAt = nowMs();
  const service = await spawnService({ buildDir: context.buildDir, dataDir, comfyuiUrl: fake.url });
  const path = `${tenant.path}/inference`;
  const submit = { url: service.url + path, headers: tenant.headers, body: overridesBody(context.nextColour()) };
  const reply = await firstAnswer(submit);
  const acceptedMs = nowMs() - killedAt;
  accepted.push(String(reply['request_id']));
  for (;;) {
    const received = [...(await readStamps(fake.url)).values()].map(([receivedAt]) => receivedAt);
    const first = received.filter((at) => at > deadAt + IN_FLIGHT_MS).sort((a, b) => a - b)[0];
    if (first !== undefined) return { service, acceptedMs, dispatchMs: first - killedAt };
    if (nowMs() - killedAt > WITHIN_MS) throw new Error('nothing was dispatched after the restart');
    await sleep(20);
  }
}

interface Submit {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Asks until it is accepted. */
async function firstAnswer({ url, headers, body }: Submit): Promise<Record<string, unknown>> {
  const deadline = performance.now() + WITHIN_MS;
  for (;;) {
    const reply = await fetch(url, { method: 'POST', headers: { ...headers }, body }).catch(() => undefined);
    const answer = await reply?.json().catch(() => undefined);
    if (reply?.ok) return answer as Record<string, unknown>;
    if (performance.now() > deadline) throw new Error(`no submit was accepted: ${JSON.stringify(answer)}`);
    await sleep(PAUSE_MS);
  }
}

async function sweep({ fake, accepted }: Bench, service: Service): Promise<string[]> {
  const missing = await countMissing(service, accepted);
  const executed = (await listExecuted(fake.url)).map(({ colour }) => colour);
  const twice = executed.length - new Set(executed).size;
  return [
    ...(missing > 0 ? [`${missing} of ${accepted.length} answered requests are not in the table after kill -9`] : []),
    ...(twice > 0 ? [`${twice} requests were executed twice`] : []),
  ];
}

/** A cluster that a service made, so that both arms run the same server with the same settings; the service is not needed. */
async function preparePeer(context: RunContext, count: number) {
  const dir = context.makeDir('row22-peer');
  const maker = await startService({ buildDir: context.buildDir, dataDir: dir, comfyuiUrl: 'http://127.0.0.1:1' });
  await withDatabase(maker, 'postgres', (client) => client.query(`create database ${PEER_DATABASE}`));
  await withDatabase(maker, PEER_DATABASE, async (client) => {
    await client.query(
      'create table naive (id uuid primary key, body text not null, created_at timestamptz default now())',
    );
    await client.query(
      `insert into naive (id, body) select gen_random_uuid(), repeat('x', $1) from generate_series(1, $2::int)`,
      [PEER_ROW_BYTES, count],
    );
  });
  const { host: folder, user } = maker.connection;
  const command = readCommand(maker.postmasterPid());
  const program = bundlePeer(context.buildDir);
  await maker.crash();
  let child: ReturnType<typeof startNode> | undefined;
  const killAll = () => {
    child?.signal('SIGKILL');
    killPostgres(folder);
  };
  return {
    stop: killAll,
    async timeRestart(): Promise<number> {
      const port = await freePort();
      const startedAt = nowMs();
      killAll();
      await child?.ended;
      const args = [program, String(port), folder, user, PEER_DATABASE, JSON.stringify(command)];
      child = startNode({ args, cwd: context.buildDir, logPath: join(dir, 'peer.log') });
      await firstAnswer({ url: `http://127.0.0.1:${port}/`, headers: {}, body: overridesBody(1) });
      return nowMs() - startedAt;
    },
  };
}

/** With its lock files: an unreaped process would look alive to the next one. */
function killPostgres(folder: string): void {
  const lock = join(folder, 'postmaster.pid');
  try {
    process.kill(Number(readFileSync(lock, 'utf8').split('\n')[0]), 'SIGKILL');
  } catch {
    // it does not run
  }
  for (const name of ['postmaster.pid', '.s.PGSQL.5432.lock']) rmSync(join(folder, name), { force: true });
}

function readCommand(pid: number) {
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const { uid, gid } = statSync(`/proc/${pid}`);
  // Started in its cluster's folder: -D may name it as where the process is.
  return {
    program: readlinkSync(`/proc/${pid}/exe`),
    args: args.slice(1),
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    uid,
    gid,
  };
}

function bundlePeer(buildDir: string): string {
  const outfile = join(buildDir, 'bare-restart.mjs');
  const entry = fileURLToPath(new URL('../peers/bare-restart.ts', import.meta.url));
  buildSync({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
  return outfile;
}
