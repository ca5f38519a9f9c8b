import { expect, it } from 'vitest';
import { type FreeInstance, type ModelLane, type Pool, placeNext } from './affinity.pure.ts';

const NOW = 1_000_000;

const lane = (deploymentId: string, fields: Partial<ModelLane> = {}): ModelLane => ({
  accountId: 'a1',
  deploymentId,
  headPriority: 0,
  headCreatedAt: NOW,
  otherInstances: 0,
  maxInstances: 10,
  models: deploymentId,
  waiting: 1,
  runMs: 20_000,
  loadMs: 20_000,
  warmBusyMs: [],
  ...fields,
});

const free = (id: string, ...models: string[]): FreeInstance => ({ id, models, slots: 1 });

interface Given {
  readonly lanes: ModelLane[];
  readonly free: FreeInstance[];
  readonly used?: Record<string, number>;
  /** Minutes between two requests, and instances that have it; asked for seldom, and on two of them, when not given. */
  readonly demand?: Record<string, { everyMin: number; replicas?: number }>;
  /** Sixteen when not given: nearly none of them busy. */
  readonly instances?: number;
}

function placed({ lanes, free, used = {}, demand = {}, instances = 16 }: Given) {
  const demandOf = (models: string) => {
    const { everyMin = 1_000, replicas = 2 } = demand[models] ?? {};
    return { perMs: 1 / (everyMin * 60_000), runMs: 20_000, loadMs: 20_000, replicas };
  };
  const pool: Pool = {
    lanes,
    free,
    instances,
    usage: { usedMs: (id) => used[id] ?? 0 },
    demandOf,
  };
  return placeNext(pool, NOW);
}

it('a request runs where its models are', () => {
  const where = placed({ lanes: [lane('flux')], free: [free('i1', 'sdxl'), free('i2', 'flux')] });
  expect(where).toEqual({ deploymentId: 'flux', instanceId: 'i2', because: 'its models are loaded' });
});

it('models that no instance has are loaded at once', () => {
  expect(placed({ lanes: [lane('flux')], free: [free('i1', 'sdxl')] })?.because).toBe('loading is sooner than waiting');
});

it('it waits for a busy instance that has them when that is sooner than a load', () => {
  expect(placed({ lanes: [lane('flux', { warmBusyMs: [15_000] })], free: [free('i1', 'sdxl')] })).toBeUndefined();
  expect(placed({ lanes: [lane('flux', { warmBusyMs: [25_000] })], free: [free('i1', 'sdxl')] })).toBeDefined();
});

it('a long lane loads on one more instance, its head first', () => {
  const long = lane('flux', { warmBusyMs: [5_000], waiting: 4 });
  expect(placed({ lanes: [long], free: [free('i1', 'sdxl')] })?.instanceId).toBe('i1');
});

it('what is asked for least is dropped, an empty place before anything', () => {
  const demand = { hot: { everyMin: 0.2 }, cold: { everyMin: 30, replicas: 1 } };
  const lanes = [lane('flux')];
  expect(placed({ lanes, free: [free('i1', 'hot'), free('i2', 'cold')], demand })?.instanceId).toBe('i2');
  expect(placed({ lanes, free: [free('i1', 'cold'), free('i2')], demand })?.instanceId).toBe('i2');
});

it('a third replica of what is asked for often goes before the only one of what is asked for seldom', () => {
  // 0.7 runs at a time: a third replica spares hardly any wait, the only one of the other spares loads.
  const demand = { hot: { everyMin: 0.5, replicas: 3 }, cold: { everyMin: 15, replicas: 1 } };
  const given = { lanes: [lane('flux')], demand };
  expect(placed({ ...given, free: [free('i1', 'cold'), free('i2', 'hot')] })?.instanceId).toBe('i2');
});

it('patience is longer where the dropped models would be missed', () => {
  const lanes = [lane('flux', { warmBusyMs: [50_000] })];
  const given = { lanes, free: [free('i1', 'sdxl')] };
  expect(placed({ ...given, demand: { sdxl: { everyMin: 5, replicas: 1 } } })).toBeUndefined();
  expect(placed({ ...given, demand: { sdxl: { everyMin: 50, replicas: 1 } } })).toBeDefined();
  expect(placed({ ...given, demand: { sdxl: { everyMin: 5, replicas: 2 } } })).toBeDefined();
});

it('where one wanted set only takes the place of another, a load waits for company', () => {
  const demand = { flux: { everyMin: 5, replicas: 0 }, sdxl: { everyMin: 5, replicas: 1 } };
  const busyPool = { free: [free('i1', 'sdxl')], demand, instances: 4 };
  const waiting = (seconds: number, fields: Partial<ModelLane> = {}) =>
    lane('flux', { headCreatedAt: NOW - 1_000 * seconds, ...fields });
  expect(placed({ ...busyPool, lanes: [waiting(99)] })).toBeUndefined();
  expect(placed({ ...busyPool, lanes: [waiting(101)] })?.because).toBe('loading is sooner than waiting');
  expect(placed({ ...busyPool, lanes: [waiting(0, { waiting: 4 })] })).toBeDefined();
});

it('nobody waits for company that is not to be expected, nor to spare what nobody misses, nor in an idle pool', () => {
  const demand = { flux: { everyMin: 5, replicas: 0 }, sdxl: { everyMin: 5, replicas: 1 } };
  const given = { lanes: [lane('flux')], free: [free('i1', 'sdxl')], demand, instances: 4 };
  expect(placed({ ...given, demand: { ...demand, flux: { everyMin: 10, replicas: 0 } } })).toBeDefined();
  expect(placed({ ...given, demand: { ...demand, sdxl: { everyMin: 10, replicas: 1 } } })).toBeDefined();
  expect(placed({ ...given, instances: 1 })).toBeDefined();
  const ahead = lane('flux', { headCreatedAt: NOW + 5 });
  expect(placed({ ...given, lanes: [ahead], instances: 1 })).toBeDefined();
});

it('whoever has waited longer than the age bound runs next on whatever is free', () => {
  const old = lane('flux', { headCreatedAt: NOW - 500_000, warmBusyMs: [1_000] });
  const where = placed({ lanes: [lane('sdxl'), old], free: [free('i1', 'sdxl')] });
  expect(where).toEqual({ deploymentId: 'flux', instanceId: 'i1', because: 'waited longest' });
});

it('the account that used least goes first, though another has its models loaded', () => {
  const lanes = [lane('sdxl', { accountId: 'flood' }), lane('flux', { accountId: 'quiet' })];
  const given = { lanes, free: [free('i1', 'sdxl')], used: { flood: 60_000 } };
  expect(placed(given)?.deploymentId).toBe('flux');
});

it('an account that does better to wait leaves the instance to the next', () => {
  const lanes = [lane('sdxl', { accountId: 'flood' }), lane('flux', { accountId: 'quiet', warmBusyMs: [1_000] })];
  expect(placed({ lanes, free: [free('i1', 'sdxl')], used: { flood: 60_000 } })?.deploymentId).toBe('sdxl');
});

it("another account's flood does not make anybody wait for models", () => {
  const flood = lane('sdxl', { accountId: 'flood', waiting: 5_000 });
  const quiet = lane('flux', { accountId: 'quiet', warmBusyMs: [30_000] });
  const given = { free: [free('i1', 'sdxl')], used: { flood: 60_000 } };
  expect(placed({ lanes: [flood, quiet], ...given })?.deploymentId).toBe('flux');
});

it('priority goes before age inside an account', () => {
  const lanes = [lane('a', { headCreatedAt: 0 + NOW - 10 }), lane('b', { headPriority: 1 })];
  expect(placed({ lanes, free: [free('i1', 'a'), free('i2', 'b')] })?.deploymentId).toBe('b');
});

it('age lifts nobody above a higher priority', () => {
  const lanes = [lane('old', { headPriority: -1, headCreatedAt: 0 }), lane('new')];
  expect(placed({ lanes, free: [free('i1', 'old')] })?.deploymentId).toBe('new');
});

it('a lower priority takes what a higher one does better to leave', () => {
  const lanes = [lane('high', { headPriority: 1, warmBusyMs: [1_000] }), lane('low', { headPriority: -1 })];
  expect(placed({ lanes, free: [free('i1', 'low')] })?.deploymentId).toBe('low');
});

it('a deployment that is on as many instances as it may be has to wait', () => {
  const lanes = [lane('flux', { otherInstances: 10 })];
  expect(placed({ lanes, free: [free('i1', 'flux')] })).toBeUndefined();
});
