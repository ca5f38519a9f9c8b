// A real API server for tests that play the rest of the cluster: a namespace of their own, the service account that has only
// the Role of the manifests, and what scheduler and kubelet write. Used by the tests named real-kubernetes.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import { resolve } from 'node:path';
import {
  type Cluster,
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  type V1ContainerState,
  type V1Pod,
  type V1PodStatus,
  type V1Role,
} from '@kubernetes/client-node';
import { parse } from 'yaml';
import { podName } from '../src/instances/providers/kubernetes-manifest.ts';
import { createDoor, type Door } from './door.ts';
import { until } from './until.ts';

const roleFile = resolve(import.meta.dirname, '../../../deploy/kubernetes/base/role.yaml');
export const ROLE: V1Role = parse(readFileSync(roleFile, 'utf8'));

export const containerOf = (state: V1ContainerState): V1PodStatus => ({
  containerStatuses: [{ name: 'comfyui', image: 'x', imageID: '', ready: false, restartCount: 0, state }],
});

export const runningAt = (ip: string): V1PodStatus => ({
  phase: 'Running',
  podIP: ip,
  podIPs: [{ ip }],
  ...containerOf({ running: {} }),
});

export type RealCluster = Awaited<ReturnType<typeof openCluster>>;

/** A namespace that admits only what is restricted, as an operator would have it. */
export async function openCluster(kubeconfig: string) {
  const admin = new KubeConfig();
  admin.loadFromFile(kubeconfig);
  const core = admin.makeApiClient(CoreV1Api);
  const namespace = `comfleet-test-${randomBytes(4).toString('hex')}`;
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await core.createNamespace({ body: { metadata: { name: namespace, labels } } });
  const server = admin.getCurrentCluster();
  if (server === null) throw new Error('the kubeconfig names no cluster');
  const account = { core, admin, namespace, server };
  // Pods are refused until the controller has made it.
  await until('the default service account', () =>
    succeeds(core.readNamespacedServiceAccount({ namespace, name: 'default' })),
  );
  const find = async (id: string) =>
    (await core.listNamespacedPod({ namespace })).items.find(({ metadata }) => metadata?.name === podName(id));
  return {
    core,
    namespace,
    find,
    /** Of a service account that may do what the Role says. */
    configOf: (role: V1Role, cluster?: Cluster) => makeAccount(account, role, cluster),
    /** The way to the server, which can be shut. */
    openDoor: () => openDoor(server),
    /** The scheduler's part. */
    bind: (id: string) => bind(core, namespace, podName(id)),
    /** The kubelet's part. */
    report: (id: string, change: V1PodStatus) => report(core, { namespace, name: podName(id) }, change),
    confirmDeleted: (id: string) =>
      core.deleteNamespacedPod({ namespace, name: podName(id), gracePeriodSeconds: 0 }).then(() => undefined),
    clear: () => core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 }).then(() => undefined),
    remove: () => core.deleteNamespace({ name: namespace }).then(() => undefined),
  };
}

interface Account {
  readonly core: CoreV1Api;
  readonly admin: KubeConfig;
  readonly namespace: string;
  readonly server: Cluster;
}

async function makeAccount({ core, admin, namespace, server }: Account, role: V1Role, cluster = server) {
  const name = `comfleet-${randomBytes(4).toString('hex')}`;
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  await rbac.createNamespacedRole({ namespace, body: { ...role, metadata: { name } } });
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata: { name }, roleRef, subjects } });
  const body = { spec: { audiences: [], expirationSeconds: 3600 } };
  const { status } = await core.createNamespacedServiceAccountToken({ namespace, name, body });
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name, token: status?.token ?? '' });
  return config;
}

async function openDoor(server: Cluster): Promise<Door & { readonly cluster: Cluster }> {
  const { hostname, port } = new URL(server.server);
  const taken = await freePort();
  const door = createDoor({ host: '127.0.0.1', port: taken }, { host: hostname, port: Number(port || 443) });
  await door.open();
  const known = isIP(hostname) === 0 ? { tlsServerName: hostname } : {};
  const cluster = { ...known, ...server, server: `https://127.0.0.1:${taken}` };
  return { ...door, cluster };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening));
  const address = probe.address();
  await new Promise<void>((closed) => probe.close(() => closed()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function bind(core: CoreV1Api, namespace: string, name: string): Promise<void> {
  const body = { metadata: { name }, target: { apiVersion: 'v1', kind: 'Node', name: 'no-such-node' } };
  await core.createNamespacedPodBinding({ namespace, name, body });
}

/** Others may be writing it as well. */
async function report(core: CoreV1Api, of: { namespace: string; name: string }, change: V1PodStatus): Promise<void> {
  await until('the status is written', async () => {
    const pod = await core.readNamespacedPod(of);
    return succeeds(core.replaceNamespacedPodStatus({ ...of, body: { ...pod, status: { ...pod.status, ...change } } }));
  });
}

const WAITS_FOR_EVER = containerOf({ waiting: { reason: 'InvalidImageName', message: 'cannot be parsed' } });
const LOOK_MS = 50;

/** Scheduler and kubelet in one: what is asked for runs, what is to go has ended. Returns how to end it. */
export function playNode({ core, namespace }: Pick<RealCluster, 'core' | 'namespace'>, badImage: string) {
  let isStopped = false;
  async function serve({ metadata, spec, status }: V1Pod): Promise<void> {
    const name = metadata?.name ?? '';
    if (metadata?.deletionTimestamp !== undefined)
      await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    else if (spec?.nodeName === undefined) await bind(core, namespace, name);
    else if (status?.phase === 'Pending' && status.containerStatuses === undefined)
      await report(
        core,
        { namespace, name },
        spec.containers[0]?.image === badImage ? WAITS_FOR_EVER : runningAt('127.0.0.1'),
      );
  }
  const ended = (async () => {
    while (!isStopped) {
      const { items } = await core.listNamespacedPod({ namespace });
      for (const pod of items) await serve(pod).catch(() => undefined); // it went away meanwhile
      await new Promise((passed) => setTimeout(passed, LOOK_MS));
    }
  })();
  return async () => {
    isStopped = true;
    await ended;
  };
}

function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
