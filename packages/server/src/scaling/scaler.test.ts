import { afterEach, expect, it } from 'vitest';
import { createScaledFleetRig, type ScaledFleetRig } from '../../testing/scaled-fleet.ts';
import { until } from '../../testing/until.ts';

const START = 1_000_000;
let stop: (() => Promise<void>) | undefined;
afterEach(async () => await stop?.());

async function open(options: Parameters<typeof createScaledFleetRig>[0] = {}): Promise<ScaledFleetRig> {
  const rig = createScaledFleetRig(options);
  stop = rig.scaler.stop;
  await rig.scaler.start();
  return rig;
}

async function openReady(fields = {}) {
  const rig = await open();
  const deployment = rig.deploy(fields);
  rig.setWaiting(deployment, 1);
  await rig.settle();
  rig.becomeReady('i1');
  rig.setWaiting(deployment, 0);
  await rig.settle();
  return { ...rig, deployment };
}

it.each([
  [1, 1],
  [2, 2],
  [5, 5],
  [20, 10],
])('a burst of %i at zero asks for %i instances, once', async (waiting, started) => {
  const rig = await open();
  const deployment = rig.deploy();
  for (let count = 1; count <= waiting; count += 1) rig.setWaiting(deployment, count);
  await rig.settle();
  rig.setWaiting(deployment, waiting);
  await rig.settle();
  expect(rig.calls).toHaveLength(started);
  expect(rig.events[0]).toContain(`${waiting} waiting for 0 instances, queue_size 1: ${waiting} wanted`);
});

it('instances go when nothing was run on them for as long as they are kept warm', async () => {
  const rig = await openReady();
  rig.setPending('i1', 1);
  rig.setNow(START + 10_000);
  rig.setPending('i1', 0);
  await rig.settle();
  rig.setNow(START + 69_999);
  rig.setWaiting(rig.deployment, 0);
  await rig.settle();
  expect(rig.instances.size).toBe(1);
  rig.setNow(START + 70_000);
  rig.setWaiting(rig.deployment, 0);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'remove i1']);
  expect(rig.events.at(-1)).toContain('idle for 60 s: keep-warm is over');
});

it('looks again by itself when something is due', async () => {
  const rig = await openReady({ keep_warm_seconds: 0.03 });
  rig.setNow(START + 30);
  await until('the end of keep-warm', () => rig.instances.size === 0);
  expect(rig.calls.at(-1)).toBe('remove i1');
});

it('a new version replaces idle instances at once, and busy ones once a new one is ready', async () => {
  const rig = await openReady();
  rig.setPending('i1', 1);
  rig.deploy({ id: rig.deployment.id, version_id: 'v2' });
  await rig.scaler.refresh();
  rig.setWaiting(rig.deployment, 2);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2', 'create i3']);
  rig.becomeReady('i2');
  await rig.settle();
  expect(rig.calls.at(-1)).toBe('drain i1');
  rig.setPending('i1', 0);
  await rig.settle();
  expect(rig.calls.at(-1)).toBe('remove i1');
  expect(rig.ends.get('i1')).toBe('it has an earlier version or hardware, and a new one is ready');
  expect(rig.instances.get('i2')?.spec.fingerprint).toBe('v2 GPU');
});

it.each([
  ['disabled', { is_enabled: false, disabled_code: 10002 }],
  ['deleted', { deleted_at: 5, is_enabled: false }],
  ['of a deactivated account', { is_account_active: false }],
  ['without funds', { is_enabled: false, disabled_code: 10001 }],
] as const)('a deployment that is %s loses its instances, those that start too', async (_, fields) => {
  const rig = await open();
  const deployment = rig.deploy({ min_instances: 2 });
  await rig.scaler.refresh();
  await rig.settle();
  rig.becomeReady('i1');
  rig.deploy({ id: deployment.id, min_instances: 2, ...fields });
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls.slice(2).sort()).toEqual(['remove i1', 'remove i2']);
  expect([...rig.instances, ...rig.asked]).toEqual([]);
});

it('what an unfunded deployment had accepted still runs, and nothing is kept warm after it', async () => {
  const rig = await openReady({ min_instances: 1 });
  rig.deploy({ id: rig.deployment.id, min_instances: 1, is_enabled: false, disabled_code: 10001 });
  rig.setWaiting(rig.deployment, 1);
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual(['create i1']);
  rig.setPending('i1', 1);
  rig.setWaiting(rig.deployment, 0);
  await rig.settle();
  rig.setPending('i1', 0);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'remove i1']);
});

it('failed starts are tried again after pauses that double, told with their cause', async () => {
  const rig = await open();
  const deployment = rig.deploy();
  rig.setWaiting(deployment, 3);
  await rig.settle();
  for (const id of ['i1', 'i2', 'i3']) rig.failStart(id, 'the image http://10.0.0.1/x is not there');
  await rig.settle();
  expect(rig.calls).toHaveLength(3);
  expect(rig.scaler.describe(deployment)).toMatchObject({
    status: 'error',
    reason: 'the last start failed 0 s ago: the image its address is not there; the next try is in 1 s',
  });
  expect(rig.scaler.whyWaiting(deployment.id)).toContain('waiting for an instance: the last start failed 0 s ago');
  rig.setNow(START + 1_000);
  rig.setWaiting(deployment, 3);
  await rig.settle();
  expect(rig.calls).toHaveLength(4);
  rig.failStart('i4', 'no GPU');
  await rig.settle();
  rig.setNow(START + 2_999);
  rig.setWaiting(deployment, 3);
  await rig.settle();
  expect(rig.calls).toHaveLength(4);
  expect(rig.scaler.describe(deployment)?.reason).toMatch(/^2 starts failed in a row, for 3 s, .*no GPU/);
  rig.setNow(START + 3_000);
  rig.setWaiting(deployment, 3);
  await rig.settle();
  rig.becomeReady('i5');
  await rig.settle();
  expect(rig.calls).toHaveLength(7);
  expect(rig.scaler.describe(deployment)).toMatchObject({ status: 'running', reason: undefined, failed: undefined });
});

it('a warm-up call has instances until keep-warm after they are ready', async () => {
  const rig = await open();
  const deployment = rig.deploy();
  expect(rig.scaler.warmUp(deployment, 2)).toBe(true);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2']);
  rig.setNow(START + 30_000);
  rig.becomeReady('i1');
  rig.becomeReady('i2');
  await rig.settle();
  rig.setNow(START + 89_999);
  rig.setWaiting(deployment, 0);
  await rig.settle();
  expect(rig.instances.size).toBe(2);
  rig.setNow(START + 90_000);
  rig.setWaiting(deployment, 0);
  await rig.settle();
  expect(rig.instances.size).toBe(0);
});

it('an instance that is removed is made again where the minimum demands it', async () => {
  const rig = await open();
  const deployment = rig.deploy({ min_instances: 1 });
  await rig.scaler.refresh();
  await rig.settle();
  rig.becomeReady('i1');
  const other = rig.deploy();
  expect(rig.scaler.remove(other, 'i1')).toBe(false);
  expect(rig.scaler.remove(deployment, 'i1')).toBe(true);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'remove i1', 'create i2']);
});

it('a minimum is kept only for accounts that can pay for it', async () => {
  let isFunded = false;
  const rig = await open({ canPay: async () => isFunded });
  const deployment = rig.deploy({ min_instances: 1 });
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual([]);
  const reason = 'the funds do not allow new runs';
  expect(rig.scaler.describe(deployment)).toMatchObject({ status: 'standby', reason, target: 0 });
  isFunded = true;
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual([]);
  rig.setNow(START + 30_000);
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual(['create i1']);
  expect(rig.events.at(-1)).toContain('min_instances is 1');
});

it('an edit or a call for instances asks again at once whether the account can pay', async () => {
  let isFunded = false;
  const rig = await open({ canPay: async () => isFunded });
  const { id } = rig.deploy({ min_instances: 1 });
  await rig.scaler.refresh();
  await rig.settle();
  isFunded = true;
  rig.deploy({ id, min_instances: 1, max_instances: 5 });
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual(['create i1']);
  isFunded = false;
  const other = rig.deploy();
  rig.scaler.warmUp(other, 1);
  await rig.settle();
  isFunded = true;
  rig.scaler.warmUp(other, 1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2']);
});

it('while it cannot be asked whether the account can pay, it says so and tries again, and requests run', async () => {
  let asked = 0;
  let isAway = true;
  const canPay = async () => {
    asked += 1;
    if (isAway) throw new Error('the database is away');
    return true;
  };
  const rig = await open({ canPay });
  const deployment = rig.deploy({ min_instances: 2 });
  await rig.scaler.refresh();
  await rig.settle();
  rig.setNow(START + 999);
  await rig.scaler.refresh();
  await rig.settle();
  expect(asked).toBe(1);
  const reason = 'whether the account can pay could not be asked for 1 s: trying again';
  expect(rig.scaler.describe(deployment)).toMatchObject({
    status: 'standby',
    reason,
    target: 0,
    reasons: ['min_instances is 2', reason],
  });
  rig.setWaiting(deployment, 1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1']);
  isAway = false;
  rig.setNow(START + 1_000);
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2']);
});

it('an answer that is older than an edit is not counted on', async () => {
  const answers: ((canPay: boolean) => void)[] = [];
  const rig = await open({ canPay: () => new Promise((resolve) => answers.push(resolve)) });
  const { id } = rig.deploy({ min_instances: 1 });
  await rig.scaler.refresh();
  await rig.settle();
  rig.deploy({ id, min_instances: 2 });
  await rig.scaler.refresh();
  await rig.settle();
  expect(answers).toHaveLength(2);
  answers[0]?.(true);
  await rig.settle();
  expect(rig.calls).toEqual([]);
  answers[1]?.(true);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2']);
});

it('after a restart it goes on with what is there: idle instances stay for keep-warm, those of nobody go', async () => {
  const rig = createScaledFleetRig();
  stop = rig.scaler.stop;
  const deployment = rig.deploy();
  const spec = { accountId: 'a1', sku: 'GPU', fingerprint: 'v1 GPU' };
  for (const [id, deploymentId] of [
    ['kept', deployment.id],
    ['orphan', 'unknown'],
  ] as const) {
    const own = { ...spec, id, deploymentId, pool: `deployment:${deploymentId}` };
    rig.instances.set(id, { id, spec: own, phase: 'ready', since: START, reason: undefined });
  }
  await rig.scaler.start();
  await rig.settle();
  expect(rig.calls).toEqual(['remove orphan']);
  expect(rig.scaler.describe(deployment)?.status).toBe('running');
});

it('what an earlier start left is not touched before its deployment could be read', async () => {
  let isAway = true;
  const rig = createScaledFleetRig({
    findDeployment: async () => {
      if (isAway) throw new Error('the database is away');
      return undefined;
    },
  });
  stop = rig.scaler.stop;
  const spec = {
    id: 'left',
    accountId: 'a1',
    sku: 'GPU',
    fingerprint: 'v1 GPU',
    deploymentId: 'd9',
    pool: 'deployment:d9',
  };
  rig.instances.set('left', { id: 'left', spec, phase: 'ready', since: START, reason: undefined });
  await rig.scaler.start();
  await rig.settle();
  rig.setWaiting(rig.deploy(), 0);
  await rig.settle();
  expect(rig.calls).toEqual([]);
  isAway = false;
  rig.setWaiting(rig.deploy(), 0);
  await rig.settle();
  expect(rig.calls).toEqual(['remove left']);
});

it('an instance that a person takes away ends what it runs first, and its end is asked for once', async () => {
  const rig = await openReady();
  rig.setPending('i1', 1);
  rig.setEndsSlowly(true);
  expect(rig.scaler.remove(rig.deployment, 'i1')).toBe(true);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'drain i1']);
  rig.setPending('i1', 0);
  await rig.settle();
  expect(rig.scaler.remove(rig.deployment, 'i1')).toBe(true);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'drain i1', 'remove i1']);
  expect(rig.ends.get('i1')).toBe('its removal was asked for');
});

it('deployments that nobody uses cost nothing', async () => {
  const rig = await open();
  for (let count = 0; count < 1_000; count += 1) rig.deploy();
  const before = rig.reads.count;
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.reads.count - before).toBe(1);
  const fixed = rig.deploy({ hardware: 'FIXED' });
  for (let count = 0; count < 10; count += 1) {
    rig.setWaiting(fixed, count);
    await rig.settle();
  }
  expect(rig.reads.count - before).toBe(2);
  expect(rig.calls).toEqual([]);
});

it('deployments that share a pool share its instances, and none causes more than it may use', async () => {
  const rig = await open();
  const one = rig.deploy({ hardware: 'SHARED', max_instances: 1 });
  const two = rig.deploy({ hardware: 'SHARED', max_instances: 3 });
  rig.setWaiting(one, 20);
  rig.setWaiting(two, 1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'create i2']);
  rig.deploy({ id: one.id, hardware: 'SHARED', deleted_at: 1 });
  rig.setWaiting(one, 0);
  await rig.scaler.refresh();
  await rig.settle();
  expect(rig.scaler.describe(two)?.status).toBe('starting');
});

it('asks once for the end of an instance that takes its time, and does not count on it meanwhile', async () => {
  const rig = await openReady({ keep_warm_seconds: 0 });
  rig.setEndsSlowly(true);
  for (let count = 0; count < 3; count += 1) {
    rig.setNow(START + 1 + count);
    rig.setWaiting(rig.deployment, 0);
    await rig.settle();
  }
  expect(rig.calls.filter((call) => call === 'remove i1')).toHaveLength(1);
  rig.setWaiting(rig.deployment, 1);
  await rig.settle();
  expect(rig.calls.at(-1)).toBe('create i2');
});

it('knows from the record how long starts take', async () => {
  const rig = createScaledFleetRig({ listColdStarts: async () => [{ pool: 'deployment:d1', ms: 41_000 }] });
  stop = rig.scaler.stop;
  const deployment = rig.deploy();
  await rig.scaler.start();
  rig.setWaiting(deployment, 1);
  await rig.settle();
  rig.setNow(START + 1_000);
  expect(rig.scaler.readyInMs(deployment.id)).toEqual([40_000]);
});

it('asks for no more than its hardware has room for, says so, and goes on when a place is left', async () => {
  const rig = await open();
  const [other, deployment] = [rig.deploy(), rig.deploy()];
  rig.setWaiting(other, 1);
  await rig.settle();
  rig.becomeReady('i1');
  rig.setRoom(0);
  rig.setWaiting(deployment, 2);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1']);
  expect(rig.scaler.describe(deployment)).toMatchObject({
    status: 'error',
    reason: 'no GPU is free',
    failed: undefined,
  });
  expect(rig.scaler.whyWaiting(deployment.id)).toBe('waiting for an instance: no GPU is free.');
  rig.setWaiting(other, 0);
  expect(rig.scaler.remove(other, 'i1')).toBe(true);
  rig.setRoom(1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'remove i1', 'create i2']);
});

it('without room for both, an outdated instance ends what it runs and gives its place to a new one', async () => {
  const rig = await openReady();
  rig.setRoom(0);
  rig.setPending('i1', 1);
  rig.deploy({ id: rig.deployment.id, version_id: 'v2' });
  await rig.scaler.refresh();
  rig.setWaiting(rig.deployment, 1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'drain i1']);
  rig.setPending('i1', 0);
  await rig.settle();
  rig.setRoom(1);
  rig.setWaiting(rig.deployment, 1);
  await rig.settle();
  expect(rig.calls).toEqual(['create i1', 'drain i1', 'remove i1', 'create i2']);
  expect(rig.scaler.describe(rig.deployment)?.failed).toBeUndefined();
});
