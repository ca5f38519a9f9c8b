// Against a stand-in that speaks the real HTTP API through the real client library.
import type { V1ContainerState } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type KubernetesStandin, startKubernetesStandin } from '../../../testing/kubernetes-api.ts';
import { describeProvider } from '../../../testing/provider-conformance.ts';
import { until } from '../../../testing/until.ts';
import { createLogTo } from '../../telemetry/log.ts';
import type { InstanceSpec, Provider } from '../provider.ts';
import { createKubernetesProvider } from './kubernetes.ts';
import { NEEDED } from './kubernetes-check.ts';
import { podName } from './kubernetes-manifest.ts';
import { readKubernetesSettings } from './kubernetes-settings.pure.ts';

let cluster: KubernetesStandin;
let stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  cluster = await startKubernetesStandin();
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
  await cluster.stop();
});

const log = createLogTo('silent', { write: () => undefined });

const containerOf = (state: V1ContainerState) => ({
  ...{ name: 'comfyui', image: '', imageID: '', ready: false, restartCount: 0 },
  state,
});

const WAITS_FOR_EVER = {
  containerStatuses: [containerOf({ waiting: { reason: 'InvalidImageName', message: 'Failed to parse image name' } })],
};

function specOf(id: string, sku = 'GPU'): InstanceSpec {
  return { id, pool: `deployment:d-${id}`, accountId: 'account', deploymentId: `d-${id}`, sku, fingerprint: 'v1 GPU' };
}

async function startProvider(fleetId = 'fleet-1') {
  const opened = await openProvider(fleetId);
  await opened.start();
  return opened;
}

async function openProvider(fleetId: string | Error) {
  const told: string[] = [];
  /** What had been told by then. */
  const listed: string[][] = [];
  const settings = readKubernetesSettings({ image: 'comfyui:1', namespace: cluster.namespace, port: 8000 }, '', []);
  if (settings === undefined) throw new Error('the settings of the test are bad');
  const provider = createKubernetesProvider({
    settings: new Map([['GPU', settings]]),
    fleetId: async () => {
      if (fleetId instanceof Error) throw fleetId;
      return fleetId;
    },
    now: Date.now,
    log,
    loadConfig: cluster.loadConfig,
    watchSeconds: 5,
  });
  stops.push(() => provider.stop());
  const start = async () =>
    await provider.start({
      onStarted: ({ id, baseUrl, spec }) => told.push(`started ${id} ${baseUrl} ${spec?.pool}`),
      onPending: (id, words) => told.push(`pending ${id} ${words}`),
      onLeaving: (id, because) => told.push(`leaving ${id} ${because}`),
      onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
      onListed: () => listed.push([...told]),
    });
  return { provider, start, told, listed, ends: (id: string) => told.filter((line) => line.startsWith(`gone ${id}`)) };
}

const create = (provider: Provider, id: string) => provider.create?.(specOf(id)) ?? Promise.reject(new Error('absent'));
const watching = () => until('a watch is open', () => cluster.watches() > 0);

test('a Pod with an address is a started instance, and a deleted one is gone, each told once', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  expect(cluster.pod(podName('a'))?.metadata.labels).toMatchObject({
    'app.kubernetes.io/managed-by': 'comfleet',
    'comfleet.dev/fleet': 'fleet-1',
    'comfleet.dev/instance': 'a',
  });
  cluster.run(podName('a'), '10.0.0.7');
  cluster.change(podName('a'), { status: { phase: 'Running' } });
  await until('it is started', () => told.includes('started a http://10.0.0.7:8000 deployment:d-a'));
  await provider.remove?.('a');
  cluster.vanish(podName('a'));
  await until('it is gone', () => told.includes('gone a removed: removed'));
  expect(told.filter((line) => /^(started|gone)/.test(line))).toHaveLength(2);
});

test('why it is not up reaches a person in the words of the cluster', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  const message = '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.';
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
  cluster.change(podName('a'), { status: { phase: 'Pending', conditions: [condition] } });
  await until('it is told', () => told.includes(`pending a Unschedulable: ${message}`));
});

test('what ended is told with its kind, its log is kept, and its Pod is deleted', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  cluster.run(podName('a'), '10.0.0.7');
  cluster.logs.set(podName('a'), 'loading\nCUDA out of memory');
  const terminated = { exitCode: 137, reason: 'OOMKilled' };
  cluster.change(podName('a'), { status: { phase: 'Failed', containerStatuses: [containerOf({ terminated })] } });
  await until('it is told', () => told.some((line) => line.startsWith('gone a out_of_memory: out of memory')));
  await until('it is deleted', () => cluster.pod(podName('a'))?.metadata.deletionTimestamp);
  cluster.logs.clear();
  cluster.vanish(podName('a'));
  expect(await provider.logTail?.('a')).toEqual(['loading', 'CUDA out of memory']);
});

test('a second create() of an id makes nothing new, also by a later process', async () => {
  const first = await startProvider();
  await Promise.all([create(first.provider, 'a'), create(first.provider, 'a')]);
  await first.provider.stop();
  const second = await startProvider();
  await create(second.provider, 'a');
  expect(cluster.names()).toEqual([podName('a')]);
});

test('an answer that is lost makes no second Pod and no refusal', async () => {
  const { provider } = await startProvider();
  cluster.fault({ call: 'POST pods', status: 0, cutsAfterwards: true });
  await create(provider, 'a');
  expect(cluster.names()).toEqual([podName('a')]);
});

test('Pods of an earlier start are told of, those of another fleet are left alone', async () => {
  const earlier = await startProvider();
  await create(earlier.provider, 'a');
  cluster.run(podName('a'), '10.0.0.7');
  await earlier.provider.stop();
  const other = await startProvider('fleet-2');
  expect(other.told).toEqual([]);
  const next = await startProvider();
  expect(next.told).toEqual(['started a http://10.0.0.7:8000 deployment:d-a']);
});

test('a Pod that somebody deletes is leaving until it is gone, also for a later start that only sees it leave', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  cluster.run(podName('a'), '10.0.0.7');
  await until('it is started', () => told.includes('started a http://10.0.0.7:8000 deployment:d-a'));
  cluster.remove(podName('a'));
  await until('it is leaving', () => told.includes('leaving a its Pod is being deleted'));
  const message = 'Eviction API: evicting';
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message }];
  cluster.change(podName('a'), { status: { conditions } });
  const next = await startProvider();
  const words = `it was evicted, as when its node is drained: ${message}`;
  expect(next.told).toEqual(['started a http://10.0.0.7:8000 deployment:d-a', `leaving a ${words}`]);
  cluster.vanish(podName('a'));
  await until('it is gone', () => told.includes(`gone a evicted: ${words}`));
  expect(told.filter((line) => line.startsWith('leaving'))).toHaveLength(1);
});

test('a Pod that comfleet deletes is not said to leave', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  cluster.run(podName('a'), '10.0.0.7');
  await until('it is started', () => told.some((line) => line.startsWith('started a')));
  await provider.remove?.('a');
  cluster.vanish(podName('a'));
  await until('it is gone', () => told.includes('gone a removed: removed'));
  expect(told.filter((line) => line.startsWith('leaving'))).toEqual([]);
});

test('a name that is taken by a Pod of somebody else is a refusal', async () => {
  const { provider } = await startProvider();
  cluster.put({ metadata: { name: podName('a') }, spec: { containers: [] } });
  await expect(create(provider, 'a')).rejects.toThrow(`namespace comfy has a Pod ${podName('a')} already`);
});

test.each([
  [
    403,
    'pods "x" is forbidden: exceeded quota: gpus',
    'the quota of namespace comfy is used up: pods "x" is forbidden',
  ],
  [403, 'User "u" cannot create resource "pods"', 'the Kubernetes API forbids it: User "u" cannot create'],
  [
    403,
    'pods "x" is forbidden: maximum cpu usage per Container is 2, but limit is 4',
    'namespace comfy does not admit the Pod: pods "x" is forbidden: maximum cpu usage',
  ],
  [422, 'Pod "x" is invalid: spec.tolerations', 'the Kubernetes API finds the Pod invalid: Pod "x" is invalid'],
  [404, 'namespaces "comfy" not found', 'there is no namespace comfy: namespaces "comfy" not found'],
])('%i %s refuses the start with the words of the server', async (status, message, words) => {
  const { provider, told } = await startProvider();
  cluster.fault({ call: 'POST pods', status, message });
  await expect(create(provider, 'a')).rejects.toMatchObject({
    name: 'StartRefused',
    message: expect.stringContaining(words),
  });
  expect(told).toEqual([]);
});

test.each([
  [429, '', { 'retry-after': '0' }],
  [500, 'InternalError', {}],
  [409, 'Conflict', {}],
])('%i %s is tried again', async (status, reason, headers) => {
  const { provider } = await startProvider();
  cluster.fault({ call: 'POST pods', status, reason, headers, times: 2 });
  await create(provider, 'a');
  expect(cluster.calls.filter((call) => call === 'POST pods')).toHaveLength(3);
});

test('a Pod that comes of a call which was told of as failed is deleted, and never told of', async () => {
  const { provider, told } = await startProvider();
  cluster.fault({ call: 'POST pods', status: 500, times: 5 });
  await expect(create(provider, 'a')).rejects.toThrow('the Kubernetes API refused (500)');
  const other = await startProvider();
  await create(other.provider, 'a'); // the same Pod, as if the first call had come through in the end
  await until('it is deleted', () => cluster.names().length === 0);
  expect(told).toEqual([]);
});

test.each(['in the stream', 'as the answer'])('after 410 Gone %s, what was missed is told once', async (where) => {
  const { provider, told, ends } = await startProvider();
  for (const id of ['stays', 'goes', 'comes']) await create(provider, id);
  for (const id of ['stays', 'goes']) cluster.run(podName(id), '10.0.0.1');
  await until('both are started', () => told.filter((line) => line.startsWith('started')).length === 2);
  await watching();
  cluster.holdEvents(true);
  cluster.vanish(podName('goes'));
  cluster.run(podName('comes'), '10.0.0.3');
  cluster.compact();
  cluster.holdEvents(false);
  if (where === 'in the stream') cluster.expireWatches();
  else {
    cluster.fault({ call: 'WATCH pods', status: 410, reason: 'Expired' });
    cluster.closeWatches();
  }
  await until('the missed end', () => ends('goes').length > 0);
  await until('the missed start', () => told.includes('started comes http://10.0.0.3:8000 deployment:d-comes'));
  await watching();
  expect(told.filter((line) => line.startsWith('started stays'))).toHaveLength(1);
  expect(ends('goes')).toHaveLength(1);
  expect(ends('stays')).toEqual([]);
});

test('a watch that ends goes on from its bookmark, without a new list', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  await watching();
  await until('its Pod is heard of', () => told.length > 0);
  cluster.bookmark();
  cluster.bookmark();
  cluster.run(podName('a'), '10.0.0.7');
  await until('it is started', () => told.some((line) => line.startsWith('started a')));
  const lists = () => cluster.calls.filter((call) => call === 'GET pods').length;
  const before = lists();
  cluster.compact();
  cluster.closeWatches();
  await watching();
  cluster.vanish(podName('a'));
  await until('it is gone', () => told.some((line) => line.startsWith('gone a ended')));
  expect(lists()).toBe(before);
});

test('a watch that is cut, and an API server that does not answer, are come back to', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  await watching();
  cluster.fault({ call: 'GET pods', status: 503, times: 7 });
  cluster.cutWatches();
  cluster.run(podName('a'), '10.0.0.7');
  await until('it is started', () => told.includes('started a http://10.0.0.7:8000 deployment:d-a'));
});

// One that starts forbids everything until it has read its rules.
test.each([503, 403])(
  'without an API server (%i) the start goes on soon, and says once all is told that it is',
  async (status) => {
    const earlier = await startProvider();
    await create(earlier.provider, 'a');
    cluster.run(podName('a'), '10.0.0.7');
    await earlier.provider.stop();
    cluster.fault({ call: 'GET pods', status, message: 'User "u" cannot list resource "pods"', times: 15 });
    const { provider, start, told, listed } = await openProvider('fleet-1');
    await start();
    expect([told, provider.isListed?.()]).toEqual([[], false]);
    cluster.clearFaults();
    await until('all is told', () => listed.length > 0);
    expect(listed).toEqual([['started a http://10.0.0.7:8000 deployment:d-a']]);
    expect(provider.isListed?.()).toBe(true);
  },
);

test('calls one after another share a connection', async () => {
  const { provider } = await startProvider();
  await watching();
  for (const id of ['a', 'b', 'c', 'd', 'e']) await create(provider, id);
  for (const id of ['a', 'b', 'c', 'd', 'e']) await provider.remove?.(id);
  // One is the watch's.
  expect(cluster.connections()).toBeLessThanOrEqual(3);
});

test('a Pod that was made while a list was under way is not taken for gone', async () => {
  const { provider, told } = await startProvider();
  await watching();
  cluster.cutWatches(); // lists again
  await create(provider, 'a');
  await watching();
  cluster.run(podName('a'), '10.0.0.7');
  await until('it is started', () => told.some((line) => line.startsWith('started a')));
  expect(told.filter((line) => line.startsWith('gone'))).toEqual([]);
});

test('remove() of an id that nobody knows deletes what is left of it, and nothing at all is fine', async () => {
  const { provider } = await startProvider();
  cluster.put({ metadata: { name: podName('left') }, spec: { containers: [] } });
  await provider.remove?.('left');
  await provider.remove?.('never');
  expect(cluster.names()).toEqual([]);
});

test('a Pod whose deletion a silent node never confirms is given up, by force', async () => {
  const { provider, told } = await startProvider();
  await create(provider, 'a');
  cluster.run(podName('a'), '10.0.0.7');
  const pod = cluster.pod(podName('a'));
  const longAgo = new Date(Date.now() - 60_000).toISOString() as unknown as Date;
  if (pod !== undefined) pod.metadata.deletionTimestamp = longAgo;
  const reason = 'DeletionByTaintManager';
  cluster.change(podName('a'), { status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] } });
  await until('it is told', () =>
    told.some((line) => line.startsWith('gone a evicted: its node node-1 does not answer')),
  );
  await until('it is no more', () => cluster.names().length === 0);
});

test('check() finds what is not permitted, what would be refused, and secrets that are missing', async () => {
  cluster.forbidden.add('create pods').add('get pods/log');
  cluster.fault({ call: 'POST pods', status: 422, message: 'Pod "x" is invalid' });
  const { provider } = await startProvider();
  expect(await provider.check?.()).toEqual([
    {
      sku: 'GPU',
      says: 'namespace comfy: comfleet may not create pods, get pods/log: give its service account a Role for that',
    },
    { sku: 'GPU', says: 'the Kubernetes API finds the Pod invalid: Pod "x" is invalid' },
  ]);
  cluster.forbidden.clear();
  expect(await provider.check?.()).toEqual([]);
  expect(cluster.names()).toEqual([]);
});

test('check() is not misled by an API server that has just started, and forbids everything', async () => {
  const { provider } = await startProvider();
  const message = 'User "u" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io"';
  const call = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  cluster.fault({ call, status: 403, message, times: NEEDED.length + 1 });
  expect(await provider.check?.()).toEqual([]);
});

test('check() needs no database, which has no tables before the first start', async () => {
  const { provider } = await openProvider(new Error('relation "instances" does not exist'));
  expect(await provider.check?.()).toEqual([]);
});

test('hardware that no "kubernetes" is said of is refused by name', async () => {
  const { provider } = await startProvider();
  await expect(provider.create?.(specOf('a', 'OTHER'))).rejects.toThrow('no "kubernetes" for the hardware "OTHER"');
});

test('a package that is not installed is named, with the way to install it', async () => {
  const provider = createKubernetesProvider({
    settings: new Map(),
    fleetId: async () => 'fleet-1',
    now: Date.now,
    log,
    loadLibrary: () => Promise.reject(new Error('Cannot find package')),
  });
  const words = 'npm install --no-save --omit=dev @kubernetes/client-node@1.4.0';
  expect(await provider.check?.()).toEqual([{ sku: undefined, says: expect.stringContaining(words) }]);
  await expect(provider.start({ onStarted: () => undefined, onGone: () => undefined })).rejects.toThrow(words);
});

// The stand-in's node: what is asked for runs at once, and what is to be deleted has ended.
describeProvider('Pods of a cluster', async () => {
  const world = await startKubernetesStandin();
  const node = setInterval(() => {
    for (const name of world.names()) {
      const pod = world.pod(name);
      const isBad = pod?.spec?.containers[0]?.image === 'BAD NAME';
      if (pod?.metadata.deletionTimestamp !== undefined) world.vanish(name);
      else if (pod?.status?.phase !== 'Pending') continue;
      else if (isBad) world.change(name, { nodeName: 'node-1', status: { phase: 'Pending', ...WAITS_FOR_EVER } });
      else world.run(name, '127.0.0.1');
    }
  }, 5);
  const problems: string[] = [];
  const settingsOf = (image: string) => readKubernetesSettings({ image, namespace: world.namespace }, '', problems);
  const [good, bad] = [settingsOf('comfyui:1'), settingsOf('BAD NAME')];
  if (good === undefined || bad === undefined) throw new Error(problems.join());
  return {
    sku: 'GPU',
    badSku: 'BAD',
    survivesStop: true,
    open: async () => {
      const deps = { now: Date.now, log, loadConfig: world.loadConfig, watchSeconds: 5 };
      const settings = new Map([
        ['GPU', good],
        ['BAD', bad],
      ]);
      const provider = createKubernetesProvider({ ...deps, settings, fleetId: async () => 'fleet-1' });
      stops.push(() => provider.stop());
      return provider;
    },
    kill: async (id) => {
      const terminated = { exitCode: 1, reason: 'Error', message: 'Traceback' };
      world.change(podName(id), { status: { phase: 'Failed', containerStatuses: [containerOf({ terminated })] } });
    },
    close: async () => {
      clearInterval(node);
      await world.stop();
    },
  };
});
