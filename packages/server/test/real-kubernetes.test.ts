// The Kubernetes provider against a real API server: admission, permissions, quotas, status changes. No node is needed: the
// tests play the kubelet. Runs when KUBECONFIG_TEST names a kubeconfig that may make namespaces, nothing of which is kept.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  type V1ContainerState,
  type V1PodStatus,
  type V1Role,
} from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { InstanceSpec, Provider } from '../src/instances/provider.ts';
import { createKubernetesProvider } from '../src/instances/providers/kubernetes.ts';
import { podName } from '../src/instances/providers/kubernetes-manifest.ts';
import { readKubernetesSettings } from '../src/instances/providers/kubernetes-settings.pure.ts';
import { createLogTo } from '../src/telemetry/log.ts';
import { until } from '../testing/until.ts';

const kubeconfig = process.env['KUBECONFIG_TEST'];
const roleFile = resolve(import.meta.dirname, '../../../deploy/kubernetes/base/role.yaml');
const role: V1Role = parse(readFileSync(roleFile, 'utf8'));

const admin = new KubeConfig();
let core: CoreV1Api;
const namespace = `comfleet-test-${randomBytes(4).toString('hex')}`;
const log = createLogTo('silent', { write: () => undefined });
const stops: (() => Promise<void>)[] = [];

/** As an operator with a namespace that admits only what is restricted would. */
const UNPRIVILEGED = { run_as_non_root: true, run_as_user: 1000 };

async function prepareNamespace() {
  admin.loadFromFile(String(kubeconfig));
  core = admin.makeApiClient(CoreV1Api);
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await core.createNamespace({ body: { metadata: { name: namespace, labels } } });
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'comfleet' } } });
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  await rbac.createNamespacedRole({ namespace, body: role });
  const subjects = [{ kind: 'ServiceAccount', name: 'comfleet', namespace }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'comfleet' };
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata: { name: 'comfleet' }, roleRef, subjects } });
  // Pods are refused until the controller has made it.
  await until('the default service account', () =>
    core.readNamespacedServiceAccount({ namespace, name: 'default' }).then(
      () => true,
      () => false,
    ),
  );
}

/** The kubeconfig of the service account that has only our Role. */
async function limitedConfig(): Promise<KubeConfig> {
  const request = { namespace, name: 'comfleet', body: { spec: { audiences: [], expirationSeconds: 3600 } } };
  const { status } = await core.createNamespacedServiceAccountToken(request);
  const cluster = admin.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no cluster');
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name: 'limited', token: status?.token ?? '' });
  return config;
}

async function startProvider(more: object = UNPRIVILEGED, fleetId = 'fleet-1') {
  const told: string[] = [];
  const problems: string[] = [];
  const wish = { image: 'registry.invalid/comfyui:1', namespace, gpus: 0, ...more };
  const settings = readKubernetesSettings(wish, 'kubernetes', problems);
  if (settings === undefined) throw new Error(problems.join());
  const config = await limitedConfig();
  const deps = { settings: new Map([['GPU', settings]]), fleetId: async () => fleetId, now: Date.now, log };
  const provider = createKubernetesProvider({ ...deps, loadConfig: () => config });
  stops.push(() => provider.stop());
  await provider.start({
    onStarted: ({ id, baseUrl }) => told.push(`started ${id} ${baseUrl}`),
    onPending: (id, words) => told.push(`pending ${id} ${words}`),
    onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
  });
  return { provider, told, untilTold: (text: string) => until(text, () => told.some((line) => line.startsWith(text))) };
}

function create(provider: Provider, id: string): Promise<void> {
  const spec: InstanceSpec = {
    id,
    pool: `deployment:${id}`,
    accountId: 'a',
    deploymentId: id,
    sku: 'GPU',
    fingerprint: 'x y',
  };
  return provider.create?.(spec) ?? Promise.reject(new Error('absent'));
}

/** The scheduler's part. */
async function bind(id: string) {
  const body = { metadata: { name: podName(id) }, target: { apiVersion: 'v1', kind: 'Node', name: 'no-such-node' } };
  await core.createNamespacedPodBinding({ namespace, name: podName(id), body });
}

/** The kubelet's part: through the status, which others may be writing as well. */
async function report(id: string, change: V1PodStatus) {
  await until('the status is written', async () => {
    const pod = await core.readNamespacedPod({ namespace, name: podName(id) });
    const body = { ...pod, status: { ...pod.status, ...change } };
    return core.replaceNamespacedPodStatus({ namespace, name: podName(id), body }).then(
      () => true,
      () => false,
    );
  });
}

async function confirmDeleted(id: string) {
  await core.deleteNamespacedPod({ namespace, name: podName(id), gracePeriodSeconds: 0 });
}

const container = (state: V1ContainerState) => ({
  containerStatuses: [{ name: 'comfyui', image: 'x', imageID: '', ready: false, restartCount: 0, state }],
});
const isThere = async (id: string) =>
  (await core.listNamespacedPod({ namespace })).items.find(({ metadata }) => metadata?.name === podName(id));

describe.runIf(kubeconfig)('a real API server', () => {
  beforeAll(prepareNamespace);
  beforeEach(async () => void (await core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 })));
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(async () => void (await core.deleteNamespace({ name: namespace })));

  it('admits the Pod where only restricted ones are, and an instance lives from the first reason to its end', async () => {
    const { provider, told, untilTold } = await startProvider();
    await create(provider, 'a');
    await Promise.all([create(provider, 'a'), untilTold('pending a ')]);
    await bind('a');
    await report('a', container({ waiting: { reason: 'ErrImagePull', message: 'no such host' } }));
    await untilTold('pending a ErrImagePull: no such host');
    await report('a', {
      phase: 'Running',
      podIP: '10.1.2.3',
      podIPs: [{ ip: '10.1.2.3' }],
      ...container({ running: {} }),
    });
    await untilTold('started a http://10.1.2.3:8188');
    await report('a', { phase: 'Failed', ...container({ terminated: { exitCode: 137, reason: 'OOMKilled' } }) });
    await untilTold('gone a out_of_memory: out of memory');
    await until('it is deleted', async () => (await isThere('a')) === undefined);
    expect(told.filter((line) => /^(started|gone)/.test(line))).toHaveLength(2);
  });

  it('takes away what waits at once, and what runs when its node has confirmed it', async () => {
    const { provider, told, untilTold } = await startProvider();
    await create(provider, 'waits');
    await provider.remove?.('waits');
    await untilTold('gone waits removed');
    await create(provider, 'runs');
    await bind('runs');
    await report('runs', {
      phase: 'Running',
      podIP: '10.1.2.4',
      podIPs: [{ ip: '10.1.2.4' }],
      ...container({ running: {} }),
    });
    await untilTold('started runs');
    await provider.remove?.('runs');
    await until('it is leaving', async () => (await isThere('runs'))?.metadata?.deletionTimestamp !== undefined);
    expect(told.some((line) => line.startsWith('gone runs'))).toBe(false);
    await confirmDeleted('runs');
    await untilTold('gone runs removed');
    await provider.remove?.('runs');
    await provider.remove?.('never-was');
  });

  it('knows its Pods again after a restart, and leaves those of another fleet alone', async () => {
    const first = await startProvider();
    await create(first.provider, 'a');
    await bind('a');
    await report('a', {
      phase: 'Running',
      podIP: '10.1.2.5',
      podIPs: [{ ip: '10.1.2.5' }],
      ...container({ running: {} }),
    });
    await first.untilTold('started a');
    await first.provider.stop();
    const next = await startProvider();
    expect(next.told).toEqual(['started a http://10.1.2.5:8188']);
    expect((await startProvider(UNPRIVILEGED, 'fleet-2')).told).toEqual([]);
  });

  it('tells of a Pod that its eviction takes away', async () => {
    const { provider, untilTold } = await startProvider();
    await create(provider, 'a');
    await bind('a');
    await report('a', {
      phase: 'Running',
      podIP: '10.1.2.6',
      podIPs: [{ ip: '10.1.2.6' }],
      ...container({ running: {} }),
    });
    await untilTold('started a');
    await core.createNamespacedPodEviction({
      namespace,
      name: podName('a'),
      body: { metadata: { name: podName('a') } },
    });
    await confirmDeleted('a');
    await untilTold('gone a evicted: it was evicted, as when its node is drained');
  });

  it('refuses in words: security, quota, limits, what is invalid', async () => {
    const root = await startProvider({});
    await expect(create(root.provider, 'a')).rejects.toThrow(/does not admit the Pod: .*runAsNonRoot/);
    expect((await root.provider.check?.())?.map(({ says }) => says).join()).toMatch(/violates PodSecurity "restricted/);

    const greedy = await startProvider({ ...UNPRIVILEGED, requests: { memory: '2Gi' }, limits: { memory: '1Gi' } });
    await expect(create(greedy.provider, 'a')).rejects.toThrow(/finds the Pod invalid: .*memory/);

    const limit = { type: 'Container', max: { cpu: '2' }, _default: { cpu: '1' } };
    await core.createNamespacedLimitRange({ namespace, body: { metadata: { name: 'l' }, spec: { limits: [limit] } } });
    const wide = await startProvider({ ...UNPRIVILEGED, limits: { cpu: '4' } });
    await until('the limit is in force', async () =>
      create(wide.provider, 'wide').then(
        () => false,
        (error: Error) => error.message.includes('maximum cpu usage per Container is 2'),
      ),
    );
    await core.deleteNamespacedLimitRange({ namespace, name: 'l' });

    const { provider } = await startProvider();
    await core.createNamespacedResourceQuota({
      namespace,
      body: { metadata: { name: 'q' }, spec: { hard: { pods: '0' } } },
    });
    const words = `the quota of namespace ${namespace} is used up`;
    await until('the quota is in force', async () =>
      create(provider, randomBytes(4).toString('hex')).then(
        () => false,
        (error: Error) => error.message.startsWith(words),
      ),
    );
    expect(await provider.check?.()).toEqual([]);
    await core.deleteNamespacedResourceQuota({ namespace, name: 'q' });
  });

  it('has no problem to tell with the Role of the manifests, and names what is missing without', async () => {
    const { provider } = await startProvider();
    expect(await provider.check?.()).toEqual([]);
    const elsewhere = await startProvider({ ...UNPRIVILEGED, namespace: 'default' });
    expect((await elsewhere.provider.check?.())?.map(({ says }) => says).join()).toContain(
      'namespace default: comfleet may not create pods, ',
    );
    await expect(create(elsewhere.provider, 'a')).rejects.toThrow('the Kubernetes API forbids it');
  });
});
