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
  readonly demand?: Record<string, { erlangs: number; replicas: number }>;
}

function placed({ lanes, free, used = {}, demand = {} }: Given) {
  const pool: Pool = {
    lanes,
    free,
    instances: 16,
    usage: { usedMs: (id) => used[id] ?? 0 },
    demandOf: (models) => demand[models] ?? { erlangs: 0, replicas: 2 },
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
  const demand = { hot: { erlangs: 2, replicas: 2 }, cold: { erlangs: 0.1, replicas: 1 } };
  const lanes = [lane('flux')];
  expect(placed({ lanes, free: [free('i1', 'hot'), free('i2', 'cold')], demand })?.instanceId).toBe('i2');
  expect(placed({ lanes, free: [free('i1', 'cold'), free('i2')], demand })?.instanceId).toBe('i2');
});

it('patience is longer where the dropped models would be missed', () => {
  const lanes = [lane('flux', { warmBusyMs: [25_000] })];
  const demand = { sdxl: { erlangs: 0.5, replicas: 1 } };
  expect(placed({ lanes, free: [free('i1', 'sdxl')], demand })).toBeUndefined();
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
