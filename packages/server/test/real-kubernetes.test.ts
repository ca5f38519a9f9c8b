// The Kubernetes provider against a real API server: admission, permissions, quotas, status changes, outages. No node is needed:
// the tests play the kubelet. Runs when KUBECONFIG_TEST names a kubeconfig that may make namespaces, nothing of which is kept.
import { randomBytes } from 'node:crypto';
import type { KubeConfig, V1Role } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSpec, Provider } from '../src/instances/provider.ts';
import { createKubernetesProvider } from '../src/instances/providers/kubernetes.ts';
import { podName } from '../src/instances/providers/kubernetes-manifest.ts';
import { readKubernetesSettings } from '../src/instances/providers/kubernetes-settings.pure.ts';
import { createLogTo } from '../src/telemetry/log.ts';
import { describeProvider } from '../testing/provider-conformance.ts';
import { containerOf, openCluster, playNode, type RealCluster, ROLE, runningAt } from '../testing/real-cluster.ts';
import { until } from '../testing/until.ts';

const kubeconfig = process.env['KUBECONFIG_TEST'];
const log = createLogTo('silent', { write: () => undefined });
const stops: (() => Promise<void>)[] = [];
let cluster: RealCluster;
let limited: KubeConfig;

/** As an operator with a namespace that admits only what is restricted would; on no node that the cluster may have. */
const DEFAULTS = {
  image: 'registry.invalid/comfyui:1',
  gpus: 0,
  run_as_non_root: true,
  run_as_user: 1000,
  node_selector: { 'kubernetes.io/hostname': 'no-such-node' },
};

function settingsOf(more: object) {
  const problems: string[] = [];
  const wish = { namespace: cluster.namespace, ...DEFAULTS, ...more };
  const settings = readKubernetesSettings(wish, 'kubernetes', problems);
  if (settings === undefined) throw new Error(problems.join());
  return settings;
}

interface Wish {
  readonly fleetId?: string;
  readonly config?: KubeConfig;
}

function openProvider(more: object = {}, { fleetId = 'fleet-1', config = limited }: Wish = {}) {
  const told: string[] = [];
  const deps = { settings: new Map([['GPU', settingsOf(more)]]), fleetId: async () => fleetId, now: Date.now, log };
  const provider = createKubernetesProvider({ ...deps, loadConfig: () => config });
  stops.push(() => provider.stop());
  const start = async () =>
    await provider.start({
      onStarted: ({ id, baseUrl }) => told.push(`started ${id} ${baseUrl}`),
      onPending: (id, words) => told.push(`pending ${id} ${words}`),
      onLeaving: (id, because) => told.push(`leaving ${id} ${because}`),
      onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
      onListed: () => told.push('listed'),
    });
  const untilTold = (text: string) => until(text, () => told.find((line) => line.startsWith(text)));
  return { provider, start, told, untilTold };
}

async function startProvider(more: object = {}, wish: Wish = {}) {
  const opened = openProvider(more, wish);
  await opened.start();
  return opened;
}

function create(provider: Provider, id: string): Promise<void> {
  const ids = { id, pool: `deployment:${id}`, accountId: 'a', deploymentId: id };
  const spec: InstanceSpec = { ...ids, sku: 'GPU', fingerprint: 'x y' };
  return provider.create?.(spec) ?? Promise.reject(new Error('absent'));
}

async function run(provider: Provider, id: string, ip: string): Promise<void> {
  await create(provider, id);
  await cluster.bind(id);
  await cluster.report(id, runningAt(ip));
}

const without = (role: V1Role, verb: string, resource: string): V1Role => ({
  ...role,
  rules: (role.rules ?? [])
    .map((rule) =>
      rule.resources?.includes(resource) ? { ...rule, verbs: rule.verbs.filter((each) => each !== verb) } : rule,
    )
    .filter(({ verbs }) => verbs.length > 0),
});

const untilRefused = (provider: Provider, words: string) =>
  until(words, () =>
    create(provider, randomBytes(4).toString('hex')).then(
      () => false,
      (error: Error) => error.message.includes(words),
    ),
  );

describe.runIf(kubeconfig)('a real API server', () => {
  beforeAll(async () => {
    cluster = await openCluster(String(kubeconfig));
    limited = await cluster.configOf(ROLE);
  });
  beforeEach(() => cluster.clear());
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(() => cluster.remove());

  it('admits the Pod where only restricted ones are, and an instance lives from the first reason to its end', async () => {
    const { provider, told, untilTold } = await startProvider();
    await create(provider, 'a');
    await Promise.all([create(provider, 'a'), untilTold('pending a ')]);
    await cluster.bind('a');
    const [first, again] = ['no such host', 'Back-off pulling image "registry.invalid/comfyui:1": ErrImagePull: …'];
    await cluster.report('a', containerOf({ waiting: { reason: 'ErrImagePull', message: first } }));
    await untilTold(`pending a ErrImagePull: ${first}`);
    await cluster.report('a', containerOf({ waiting: { reason: 'ImagePullBackOff', message: again } }));
    await untilTold(`pending a ImagePullBackOff: ${again}`);
    await cluster.report('a', runningAt('10.1.2.3'));
    await untilTold('started a http://10.1.2.3:8188');
    const terminated = { exitCode: 137, reason: 'OOMKilled' };
    await cluster.report('a', { phase: 'Failed', ...containerOf({ terminated }) });
    await untilTold('gone a out_of_memory: out of memory');
    await until('it is deleted', async () => {
      const pod = await cluster.find('a');
      return pod === undefined || pod.metadata?.deletionTimestamp !== undefined;
    });
    expect(told.filter((line) => /^(started|gone)/.test(line))).toHaveLength(2);
  });

  it('takes away what waits at once, and what runs when its node has confirmed it', async () => {
    const { provider, told, untilTold } = await startProvider();
    await create(provider, 'waits');
    await provider.remove?.('waits');
    await untilTold('gone waits removed');
    await run(provider, 'runs', '10.1.2.4');
    await untilTold('started runs');
    await provider.remove?.('runs');
    await until('it is leaving', async () => (await cluster.find('runs'))?.metadata?.deletionTimestamp !== undefined);
    expect(told.some((line) => /^(gone|leaving) runs/.test(line))).toBe(false);
    await cluster.confirmDeleted('runs');
    await untilTold('gone runs removed');
    await provider.remove?.('runs');
    await provider.remove?.('never-was');
  });

  it('knows its Pods again after a restart, and leaves those of another fleet alone', async () => {
    const first = await startProvider();
    await run(first.provider, 'a', '10.1.2.5');
    await first.untilTold('started a');
    await first.provider.stop();
    const next = await startProvider();
    expect(next.told).toEqual(['started a http://10.1.2.5:8188', 'listed']);
    expect((await startProvider({}, { fleetId: 'fleet-2' })).told).toEqual(['listed']);
  });

  it('gives nothing more to a Pod that is evicted or deleted by somebody, and tells of its end once it is confirmed', async () => {
    const { provider, told, untilTold } = await startProvider();
    const [evicted, deleted] = ['evicted', 'deleted'];
    for (const id of [evicted, deleted]) await run(provider, id, '10.1.2.6');
    for (const id of [evicted, deleted]) await untilTold(`started ${id}`);
    const { core, namespace } = cluster;
    const name = podName(evicted);
    await core.createNamespacedPodEviction({ namespace, name, body: { metadata: { name } } });
    await untilTold('leaving evicted it was evicted, as when its node is drained');
    await core.deleteNamespacedPod({ namespace, name: podName(deleted) });
    await untilTold('leaving deleted its Pod is being deleted');
    const next = await startProvider();
    expect(next.told.filter((line) => line.startsWith('started'))).toHaveLength(2);
    expect(next.told.filter((line) => line.startsWith('leaving'))).toHaveLength(2);
    expect(told.filter((line) => line.startsWith('gone'))).toEqual([]);
    for (const id of [evicted, deleted]) await cluster.confirmDeleted(id);
    await untilTold('gone evicted evicted: it was evicted, as when its node is drained');
    await untilTold(`gone deleted ended: its Pod ${podName(deleted)} was deleted, and not by comfleet`);
  });

  it('tells what its node was short of', async () => {
    const { provider, untilTold } = await startProvider();
    await run(provider, 'a', '10.1.2.7');
    await untilTold('started a');
    const message = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi.';
    const lastTransitionTime = new Date();
    const conditions = [
      { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message, lastTransitionTime },
    ];
    const terminated = { exitCode: 137, reason: 'Error' };
    const status = { phase: 'Failed', reason: 'Evicted', message, conditions };
    await cluster.report('a', { ...status, ...containerOf({ terminated }) });
    await untilTold(`gone a evicted: its node ran short of resources or shut down: ${message}`);
  });

  it('refuses in words: security, what is invalid, limits, quota', async () => {
    const root = await startProvider({ run_as_non_root: false, run_as_user: 0 });
    await expect(create(root.provider, 'a')).rejects.toThrow(/does not admit the Pod: .*runAsNonRoot/);
    expect(await root.provider.check?.()).toEqual([
      { sku: 'GPU', says: expect.stringMatching(/violates PodSecurity "restricted/) },
    ]);
    const greedy = await startProvider({ requests: { memory: '2Gi' }, limits: { memory: '1Gi' } });
    await expect(create(greedy.provider, 'a')).rejects.toThrow(/finds the Pod invalid: .*memory/);
    const absent = await startProvider({ priority_class: 'absent', service_account: 'absent' });
    await expect(create(absent.provider, 'a')).rejects.toThrow(/does not admit the Pod: .*absent/);

    const { core, namespace } = cluster;
    const limits = [{ type: 'Container', max: { cpu: '2' }, _default: { cpu: '1' } }];
    await core.createNamespacedLimitRange({ namespace, body: { metadata: { name: 'l' }, spec: { limits } } });
    const wide = await startProvider({ limits: { cpu: '4' } });
    await untilRefused(wide.provider, `namespace ${namespace} does not admit the Pod: pods`);
    const says = expect.stringContaining('maximum cpu usage per Container is 2, but limit is 4');
    expect(await wide.provider.check?.()).toEqual([{ sku: 'GPU', says }]);
    await core.deleteNamespacedLimitRange({ namespace, name: 'l' });

    const { provider } = await startProvider();
    const body = { metadata: { name: 'q' }, spec: { hard: { pods: '0' } } };
    await core.createNamespacedResourceQuota({ namespace, body });
    await untilRefused(provider, `the quota of namespace ${namespace} is used up`);
    expect(await provider.check?.()).toEqual([]);
    await core.deleteNamespacedResourceQuota({ namespace, name: 'q' });
  });

  it('has no problem to tell with the Role of the manifests, and names each verb that is missing', async () => {
    const { provider } = await startProvider();
    expect(await provider.check?.()).toEqual([]);
    const role = without(without(ROLE, 'delete', 'pods'), 'get', 'pods/log');
    const less = await startProvider({}, { config: await cluster.configOf(role) });
    const says = `namespace ${cluster.namespace}: comfleet may not delete pods, get pods/log: give its service account a Role for that`;
    expect(await less.provider.check?.()).toEqual([{ sku: 'GPU', says }]);
    const elsewhere = await startProvider({ namespace: 'default' });
    expect(await elsewhere.provider.check?.()).toEqual([
      { sku: 'GPU', says: expect.stringContaining('namespace default: comfleet may not create pods, ') },
    ]);
    await expect(create(elsewhere.provider, 'a')).rejects.toThrow('the Kubernetes API forbids it');
  });

  it('refuses a name that somebody else took', async () => {
    const { provider } = await startProvider();
    const { core, namespace } = cluster;
    const securityContext = { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } };
    const closed = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const containers = [{ name: 'x', image: 'x', securityContext: closed }];
    const body = { metadata: { name: podName('a') }, spec: { containers, securityContext } };
    await core.createNamespacedPod({ namespace, body });
    await expect(create(provider, 'a')).rejects.toThrow(`namespace ${namespace} has a Pod ${podName('a')} already`);
  });

  it('counts nothing as gone while the server is away, and tells once what happened meanwhile', async () => {
    const door = await cluster.openDoor();
    stops.push(() => door.shut());
    const config = await cluster.configOf(ROLE, door.cluster);
    const { provider, told, untilTold } = await startProvider({}, { config });
    for (const [id, ip] of [
      ['stays', '10.1.2.8'],
      ['goes', '10.1.2.9'],
    ] as const) {
      await run(provider, id, ip);
      await untilTold(`started ${id}`);
    }
    await create(provider, 'comes');
    await door.shut();
    const later = openProvider({}, { config });
    await later.start();
    expect([later.told, later.provider.isListed?.()]).toEqual([[], false]);
    await cluster.core.deleteNamespacedPod({
      namespace: cluster.namespace,
      name: podName('goes'),
      gracePeriodSeconds: 0,
    });
    await cluster.bind('comes');
    await cluster.report('comes', runningAt('10.1.2.10'));
    await door.open();
    await untilTold('started comes http://10.1.2.10:8188');
    await untilTold('gone goes ended');
    await later.untilTold('listed');
    expect(later.told.filter((line) => line.startsWith('started'))).toHaveLength(2);
    expect(told.filter((line) => /^(gone|started) stays/.test(line))).toHaveLength(1);
    expect(told.filter((line) => line.startsWith('gone'))).toHaveLength(1);
  });

  describeProvider('Pods of a real API server', async () => {
    const badImage = 'BAD NAME';
    const leave = playNode(cluster, badImage);
    const settings = new Map([
      ['GPU', settingsOf({})],
      ['BAD', settingsOf({ image: badImage })],
    ]);
    return {
      sku: 'GPU',
      badSku: 'BAD',
      survivesStop: true,
      open: async () => {
        const deps = { settings, fleetId: async () => 'fleet-1', now: Date.now, log };
        const provider = createKubernetesProvider({ ...deps, loadConfig: () => limited });
        stops.push(() => provider.stop());
        return provider;
      },
      kill: async (id) => {
        const terminated = { exitCode: 1, reason: 'Error', message: 'Traceback' };
        await cluster.report(id, { phase: 'Failed', ...containerOf({ terminated }) });
      },
      close: leave,
    };
  });
});
