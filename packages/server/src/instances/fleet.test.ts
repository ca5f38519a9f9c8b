// The lives of started instances: what is told, what is on record, and that none is left behind.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFakeInstance } from '../../testing/fake-instance.ts';
import {
  createMemoryProvider,
  createWorld,
  type MemoryProvider,
  type MemoryWorld,
} from '../../testing/memory-provider.ts';
import { useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { sql } from '../db/sql.ts';
import { createLog, createLogTo } from '../telemetry/log.ts';
import { createFleet, type Fleet } from './fleet.ts';
import type { FleetDeps } from './fleet-state.ts';
import { createLives } from './lives.ts';
import type { InstanceSpec, Provider } from './provider.ts';
import { recordInstanceEvents } from './record-events.ts';

const database = useTestDatabase();
const log = createLog('silent');

function specOf(id: string = crypto.randomUUID()): InstanceSpec {
  const ids = { accountId: crypto.randomUUID(), deploymentId: crypto.randomUUID() };
  return { id, pool: 'deployment:d', ...ids, sku: 'GPU', fingerprint: 'v1 GPU' };
}

let world: MemoryWorld;
let provider: MemoryProvider;
let fleet: Fleet;
let told: string[];
let billed: string[];

async function open(
  options: Partial<Pick<FleetDeps, 'startTimeoutMs' | 'lostMs' | 'untilCertain' | 'memoryOf' | 'log'>> = {},
) {
  provider = createMemoryProvider(world);
  const meter = {
    asked: async ({ id }: InstanceSpec) => void billed.push(`asked ${id}`),
    gone: async (id: string) => void billed.push(`gone ${id}`),
  };
  const lives = createLives({ db: database.db(), log, keepDays: 30, meter });
  fleet = createFleet({ providers: [provider], now: Date.now, log, lives, kindOf: () => 'process', ...options });
  fleet.listen({
    onAsked: ({ id }) => told.push(`asked ${id}`),
    onReady: ({ id }) => told.push(`ready ${id}`),
    onLost: ({ id }) => told.push(`lost ${id}`),
    onDraining: ({ id }) => told.push(`draining ${id}`),
    onGone: ({ id, reason }) => told.push(`gone ${id}: ${reason}`),
    onStartFailed: ({ id }, cause, kind) => told.push(`failed ${id} (${kind}): ${cause}`),
  });
  await fleet.start();
}

async function lifeOf(id: string) {
  const [row] = await database.db().query<Record<string, unknown>>(sql`
    select ready_at is not null as ready, draining_at is not null as drained, gone_kind, reason from instance_lives where id = ${id}`);
  return row;
}

beforeEach(() => {
  world = createWorld();
  told = [];
  billed = [];
});

afterEach(async () => {
  for (const id of [...world.alive.keys()]) await provider.die(id, 'the test is over');
  await fleet.stop();
});

describe('a started instance', () => {
  it('is on record and billed before it is asked for, and ready as soon as it answers', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    expect(billed).toEqual([`asked ${spec.id}`]);
    await until('it is ready', () => fleet.ready(spec.pool).length === 1);
    expect(fleet.ready('default')).toEqual([]);
    expect(told).toEqual([`asked ${spec.id}`, `ready ${spec.id}`]);
    await until('it is on record', async () => (await lifeOf(spec.id))?.['ready'] === true);
  });

  it('takes no more when it drains, and goes when it is removed', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    fleet.drain(spec.id, 'keep-warm is over');
    expect(fleet.ready()).toEqual([]);
    fleet.remove(spec.id, 'keep-warm is over');
    await until('it is gone', () => fleet.get(spec.id) === undefined);
    expect(told.slice(2)).toEqual([`draining ${spec.id}`, `gone ${spec.id}: keep-warm is over`]);
    const life = await until('its end is on record', async () =>
      (await lifeOf(spec.id))?.['gone_kind'] ? lifeOf(spec.id) : undefined,
    );
    expect(life).toEqual({ ready: true, drained: true, gone_kind: 'removed', reason: 'keep-warm is over' });
    await until('its bill is closed', () => billed.includes(`gone ${spec.id}`));
    expect(await fleet.logTail({ id: spec.id })).toEqual([`log of ${spec.id}`]);
  });

  it('is told of in the log as a warning when it is lost, and in passing when it was to go', async () => {
    const lines: Record<string, unknown>[] = [];
    const told = createLogTo('info', { write: (line: string) => lines.push(JSON.parse(line)) });
    await open({ log: told });
    const [wished, lost] = [specOf(), specOf()];
    for (const spec of [wished, lost]) await fleet.create(spec);
    await until('both are ready', () => fleet.ready().length === 2);
    fleet.remove(wished.id, 'keep-warm is over');
    await provider.die(lost.id, 'it fell over');
    await until('both are gone', () => fleet.all().length === 0);
    const gone = lines.filter(({ msg }) => msg === 'instance gone');
    const [INFO, WARN] = [30, 40];
    expect(gone).toHaveLength(2);
    expect(gone).toContainEqual(expect.objectContaining({ instanceId: wished.id, level: INFO }));
    expect(gone).toContainEqual(expect.objectContaining({ instanceId: lost.id, level: WARN }));
  });

  it('takes no more when somebody else ends it, and is gone when its provider says so', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    provider.leave(spec.id, 'it was evicted');
    expect(fleet.ready()).toEqual([]);
    expect(fleet.get(spec.id)).toMatchObject({ phase: 'draining', reason: 'it was evicted' });
    await provider.die(spec.id, 'it was evicted', 'evicted');
    expect(told.slice(2)).toEqual([`draining ${spec.id}`, `gone ${spec.id}: it was evicted`]);
    expect(world.calls).toEqual([`create ${spec.id}`]);
  });

  it('that drains is not told of as lost when its connection ends before it is gone', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    fleet.drain(spec.id, 'keep-warm is over');
    await world.alive.get(spec.id)?.fake.stop();
    await until('its connection has ended', () => fleet.get(spec.id)?.connection.isReady() === false);
    expect(fleet.get(spec.id)).toMatchObject({ phase: 'draining', reason: 'keep-warm is over' });
    expect(told.slice(2)).toEqual([`draining ${spec.id}`]);
  });

  it('is asked to go until it is gone', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    world.failingRemovals = 1;
    fleet.remove(spec.id, 'enough');
    await until('it is gone', () => fleet.get(spec.id) === undefined);
    expect(world.calls.filter((call) => call.startsWith('remove'))).toHaveLength(2);
  });

  it('is ended only once it is certain that it is still ours to end', async () => {
    let becomeCertain: () => void = () => undefined;
    const certain = new Promise<void>((resolve) => {
      becomeCertain = resolve;
    });
    await open({ untilCertain: () => certain });
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    fleet.remove(spec.id, 'enough');
    await until('it drains', () => told.includes(`draining ${spec.id}`));
    expect(world.calls).toEqual([`create ${spec.id}`]);
    becomeCertain();
    await until('it is gone', () => fleet.get(spec.id) === undefined);
    expect(world.calls).toContain(`remove ${spec.id}`);
  });

  it('that is refused has failed to start, with the cause, and nothing stays open', async () => {
    await open();
    world.refuseWith = 'no GPU is free';
    const spec = specOf();
    await fleet.create(spec);
    expect(told.at(-1)).toBe(`failed ${spec.id} (not_started): no GPU is free`);
    expect(fleet.asked()).toEqual([]);
    await until('its bill is closed', () => billed.includes(`gone ${spec.id}`));
  });

  it('that is not ready in time has failed with the last that its provider said, and is removed', async () => {
    await open({ startTimeoutMs: 50 });
    world.pendingWords = 'pulling the image';
    const spec = specOf();
    await fleet.create(spec);
    expect(fleet.asked()).toMatchObject([{ id: spec.id, words: 'pulling the image' }]);
    await until('it failed', () => told.length === 2);
    expect(told[1]).toBe(`failed ${spec.id} (not_started): it was not ready within 0 s; last: pulling the image`);
    expect(world.pending.size).toBe(0);
  });

  it('has no less time to start for a standstill of the service', async () => {
    await open({ startTimeoutMs: 700 });
    world.pendingWords = 'pulling the image';
    const spec = specOf();
    await fleet.create(spec);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toEqual([`asked ${spec.id}`]);
    await until('its own time is over', () => told.length === 2);
  });

  it('that dies is gone at once, with the cause', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    await provider.die(spec.id, 'exit code 1');
    await until('it is told', () => told.some((line) => line === `gone ${spec.id}: exit code 1`));
    await until('it is on record', async () => (await lifeOf(spec.id))?.['gone_kind'] === 'ended');
  });

  it('that ran out of memory is gone with a word on how much there was', async () => {
    await open({ memoryOf: ({ spec }) => `${spec?.sku} has 8 GB of VRAM` });
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    await provider.die(spec.id, 'OOMKilled', 'out_of_memory');
    await until('it is told', () => told.at(-1) === `gone ${spec.id}: OOMKilled (GPU has 8 GB of VRAM)`);
  });

  it('whose process is spoilt is replaced after one run', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    const instance = await until('it is ready', () => fleet.ready()[0]);
    fleet.reportRun(instance, {
      kind: 'failed',
      versionId: 'v',
      error: 'RuntimeError: CUDA error: device-side assert triggered',
    });
    await until('it is gone', () => fleet.get(spec.id) === undefined);
    expect(told.at(-1)).toContain('its process is spoilt: RuntimeError: CUDA error: device-side assert triggered');
  });
});

describe('an instance of somebody else whose worker is dead', () => {
  const queue = { running: [] as string[], looks: 0 };

  async function openFixed(lostMs: number, hasBegun = false): Promise<string[]> {
    queue.looks = 0;
    const fake = await startFakeInstance({
      '/queue': (_request, response) => {
        queue.looks += 1;
        const items = queue.running.map((id) => [0, id, {}]);
        response.end(JSON.stringify({ queue_running: items, queue_pending: [] }));
      },
    });
    const fixed: Provider = {
      kind: 'static',
      async start({ onStarted }) {
        onStarted({ id: 'fixed', baseUrl: fake.url, folders: undefined });
      },
      stop: () => fake.stop(),
    };
    const heard: string[] = [];
    fleet = createFleet({ providers: [fixed], now: Date.now, log, lostMs });
    fleet.listen({
      onReady: () => heard.push('ready'),
      onLost: () => heard.push('lost'),
      onWorkerDead: () => heard.push('dead'),
      onGone: () => heard.push('gone'),
    });
    await fleet.start();
    const instance = await until('it is ready', () => fleet.ready()[0]);
    fleet.reportDeadWorker(instance, { promptId: 'p1', hasBegun });
    return heard;
  }

  it('is given no work until the prompt is gone from it', async () => {
    queue.running = ['p1'];
    const heard = await openFixed(60_000);
    await until('it was looked at', () => queue.looks > 1);
    expect(heard).toEqual(['ready', 'lost', 'dead']);
    queue.running = [];
    await until('it is ready again', () => heard.at(-1) === 'ready');
  });

  it('is ready again at once when the prompt that it had begun is over before anybody looks', async () => {
    queue.running = [];
    const heard = await openFixed(60_000, true);
    await until('it is ready again', () => heard.at(-1) === 'ready' && heard.length === 4);
  });

  it('is tried again after a while where the prompt never began', async () => {
    queue.running = [];
    const from = performance.now();
    const heard = await openFixed(1_200);
    await until('it is ready again', () => heard.length === 4);
    expect(performance.now() - from).toBeGreaterThan(1_200);
  });
});

describe('what is told of instances that are gone', () => {
  const accountId = crypto.randomUUID();
  const ofPool = (pool: string): InstanceSpec => ({ ...specOf(), pool, accountId });

  it('is their life, with the steps that an earlier start of the service saw', async () => {
    await open();
    const spec = ofPool('deployment:again');
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    await fleet.stop();
    await open();
    await until('it is ready again', () => fleet.ready().length === 1);
    await provider.die(spec.id, 'exit code 1');
    const [gone] = await until('its end is on record', async () => {
      const found = await fleet.listGone(spec);
      return found.length > 0 && found;
    });
    expect(gone?.life.steps.map(({ phase, reason }) => [phase, reason])).toEqual([
      ['requested', undefined],
      ['starting', undefined],
      ['ready', undefined],
      ['starting', 'the service was restarted and found it again'],
      ['ready', undefined],
      ['gone', 'exit code 1'],
    ]);
    expect(gone?.life.readyAt).toBe(gone?.life.steps[2]?.at);
    expect(await fleet.listGone({ ...spec, accountId: crypto.randomUUID() })).toEqual([]);
  });

  it('is bounded: so many of a pool, and of each log the end', async () => {
    world.logLines = ['a\0line that is cut', ...Array.from({ length: 1_000 }, (_, index) => `line ${index}`)];
    await open();
    const spec = ofPool('deployment:many');
    world.refuseWith = 'no GPU is free';
    for (let count = 0; count < 25; count += 1) await fleet.create({ ...spec, id: crypto.randomUUID() });
    await fleet.stop();
    const [{ count, logs } = {}] = await database.db().query<{ count: number; logs: number }>(sql`
      select count(*)::int as count, count(log_tail)::int as logs from instance_lives where pool = 'deployment:many'`);
    expect([count, logs]).toEqual([25, 20]);
    const gone = await fleet.listGone({ pool: spec.pool, accountId });
    expect(gone).toHaveLength(20);
    expect(gone[0]).toMatchObject({ reason: 'no GPU is free', sku: 'GPU', provider: 'process' });
    const { logTail = [] } = gone[0] ?? {};
    expect(logTail.at(-1)).toBe('line 999');
    expect(logTail.join('\n').length).toBeLessThanOrEqual(8_000);
    expect(logTail[0]).toMatch(/^line \d+$/);
  });

  it('is on record whatever its last words were: also when they were cut in the middle of a character', async () => {
    await open();
    const spec = ofPool('deployment:words');
    world.refuseWith = 'its last words: \0 \u{1f600} \ud83d';
    const recorder = recordInstanceEvents({ db: database.db(), fleet, log });
    await fleet.create(spec);
    await fleet.stop();
    const reason = 'its last words: \ufffd \u{1f600} \ufffd';
    expect(await fleet.listGone(spec)).toMatchObject([{ reason }]);
    const events = sql`select message from events where subject_id = ${spec.id}`;
    const [event] = await until('the timeline tells it', async () => {
      const rows = await database.db().query<{ message: string }>(events);
      return rows.length > 0 && rows;
    });
    expect(event?.message).toContain(reason);
    await recorder.stop();
  });
});

describe('a fleet that starts again', () => {
  it('goes on with what it finds, and ends what is on record only', async () => {
    await open();
    const [kept, missing] = [specOf(), specOf()];
    await fleet.create(kept);
    await fleet.create(missing);
    await until('both are ready', () => fleet.ready().length === 2);
    await fleet.stop();
    await world.alive.get(missing.id)?.fake.stop();
    world.alive.delete(missing.id);
    told = [];
    await open();
    await until('it is ready', () => fleet.ready().length === 1);
    expect(fleet.get(kept.id)?.spec).toEqual(kept);
    expect(told).toContain(`failed ${missing.id} (not_started): it was not there after a restart of the service`);
    await until('it is on record', async () => (await lifeOf(missing.id))?.['gone_kind'] === 'not_started');
  });

  it('counts nothing as gone before its provider could ask, and then what is not there', async () => {
    await open();
    const [kept, missing] = [specOf(), specOf()];
    for (const spec of [kept, missing]) await fleet.create(spec);
    await until('both are ready', () => fleet.ready().length === 2);
    await fleet.stop();
    await world.alive.get(missing.id)?.fake.stop();
    world.alive.delete(missing.id);
    world.isListed = false;
    told = [];
    await open();
    expect(told).toEqual([]);
    expect(fleet.asked().map(({ words }) => words)).toEqual(Array(2).fill(expect.stringContaining('cannot be asked')));
    const settled = [fleet.settling(kept.id), fleet.settling(missing.id)];
    provider.list();
    expect(await Promise.all(settled)).toEqual([fleet.get(kept.id), undefined]);
    expect(fleet.get(kept.id)).toBeDefined();
    expect(fleet.settling(kept.id)).toBeUndefined();
    expect(told[0]).toBe(`failed ${missing.id} (not_started): it was not there after a restart of the service`);
    await until('it is ready', () => fleet.ready().length === 1);
  });

  it('knows of what has no address only when it has one again, or is gone', async () => {
    await open();
    const [back, lost] = [specOf(), specOf()];
    for (const spec of [back, lost]) await fleet.create(spec);
    await until('both are ready', () => fleet.ready().length === 2);
    await fleet.stop();
    for (const { id } of [back, lost]) {
      await world.alive.get(id)?.fake.stop();
      world.alive.delete(id);
      world.pending.set(id, id === back.id ? back : lost);
    }
    await open();
    const settled = [fleet.settling(back.id), fleet.settling(lost.id)];
    await provider.letStart(back.id);
    await provider.die(lost.id, 'its node is no more', 'evicted');
    expect(await Promise.all(settled)).toEqual([fleet.get(back.id), undefined]);
    expect(fleet.get(back.id)).toBeDefined();
  });

  it('gives up on what it finds and that never answers', async () => {
    await open();
    const spec = specOf();
    await fleet.create(spec);
    await until('it is ready', () => fleet.ready().length === 1);
    await fleet.stop();
    // It lives, and nothing answers there any more.
    await world.alive.get(spec.id)?.fake.stop();
    told = [];
    await open({ lostMs: 50 });
    await until('it is gone', () => world.alive.size === 0);
    expect(told.join()).toContain(`failed ${spec.id} (removed): it has not answered for 0 s: it was ready before`);
  });

  it("starts the service's own back end anew when it is found and never answers", async () => {
    const restarted: string[] = [];
    const own: Provider = {
      kind: 'process',
      async start({ onStarted }) {
        onStarted({ id: 'own', baseUrl: 'http://127.0.0.1:1', folders: undefined });
      },
      restart: (id) => restarted.push(id),
      stop: async () => undefined,
    };
    fleet = createFleet({ providers: [own], now: Date.now, log, lostMs: 50 });
    await fleet.start();
    await until('it is started anew', () => restarted.length > 0);
    expect(restarted).toEqual(['own']);
  });

  it('removes what nobody has on record also while it has no address', async () => {
    const spec = specOf();
    world.pending.set(spec.id, spec);
    await open();
    await until('it is removed', () => world.pending.size === 0);
    expect(world.calls).toEqual([`remove ${spec.id}`]);
  });

  it('removes what nobody has on record', async () => {
    await open();
    const spec = specOf();
    await provider.create?.(spec);
    await until('it is gone', () => world.alive.size === 0);
    expect(fleet.get(spec.id)).toBeUndefined();
  });

  it('removes nothing of another brain that may have taken over meanwhile', async () => {
    let becomeCertain: () => void = () => undefined;
    const certain = new Promise<void>((resolve) => {
      becomeCertain = resolve;
    });
    await open({ untilCertain: () => certain });
    const spec = specOf();
    await provider.create?.(spec);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.calls).toEqual([`create ${spec.id}`]);
    becomeCertain();
    await until('it is gone', () => world.alive.size === 0);
  });
});
