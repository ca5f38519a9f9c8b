// A stand-in for the API server of a Kubernetes cluster: the real HTTP API for Pods (lists in pages, watches with bookmarks
// and 410 Gone, Status objects, grace of deletions, dry runs), reached through the real client. Tests play the cluster's part.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeConfig, V1Pod } from '@kubernetes/client-node';
import type { Library } from '../src/instances/providers/kubernetes-api.ts';
import { answer, fail, statusOf } from './kubernetes-answers.ts';
import {
  createState,
  drop,
  type Fault,
  line,
  type OpenWatch,
  removePod,
  sendBookmark,
  store,
} from './kubernetes-world.ts';

const NAMESPACE = 'comfy';

export type KubernetesStandin = Awaited<ReturnType<typeof startKubernetesStandin>>;

export async function startKubernetesStandin(options: { pageLimit?: number } = {}) {
  const state = createState(options);
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error) => fail(response, { code: 500, message: String(error) }));
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const endWatches = (end: (watch: OpenWatch) => void) => {
    for (const watch of [...state.watches]) end(watch);
    state.watches.clear();
  };
  return {
    namespace: NAMESPACE,
    /** As KubernetesProvider's `loadConfig`. */
    loadConfig: ({ KubeConfig: Config }: Library): KubeConfig => {
      const config = new Config();
      config.loadFromClusterAndUser({ name: 'standin', server: url, skipTLSVerify: true }, { name: 'tester' });
      return config;
    },
    calls: state.calls,
    /** How many were opened. */
    connections: () => connections,
    logs: state.logs,
    secrets: state.secrets,
    forbidden: state.forbidden,
    names: () => [...state.pods.keys()],
    pod: (name: string) => state.pods.get(name),
    clearFaults: () => void state.faults.splice(0),
    fault: (fault: Fault) => void state.faults.push(fault),
    put: (pod: V1Pod) =>
      store(state, 'ADDED', { ...pod, metadata: { ...pod.metadata, name: pod.metadata?.name ?? '' } }),
    /** What kubelet, scheduler and controllers do. */
    change(name: string, change: Pick<V1Pod, 'status'> & { nodeName?: string }) {
      const pod = state.pods.get(name);
      if (pod === undefined) throw new Error(`no Pod ${name}`);
      const spec = {
        ...pod.spec,
        ...(change.nodeName !== undefined && { nodeName: change.nodeName }),
      } as V1Pod['spec'];
      store(state, 'MODIFIED', { ...pod, ...(spec && { spec }), status: { ...pod.status, ...change.status } });
    },
    /** On a node, its container running at that address. */
    run(name: string, podIP: string) {
      const containerStatuses = [
        { name: 'comfyui', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
      ];
      this.change(name, { nodeName: 'node-1', status: { phase: 'Running', podIP, containerStatuses } });
    },
    /** Somebody else deletes it. */
    remove(name: string) {
      const pod = state.pods.get(name);
      if (pod !== undefined) removePod(state, pod);
    },
    /** The kubelet confirms that the container has ended, or somebody used force. */
    vanish: (name: string) => drop(state, name),
    watches: () => state.watches.size,
    /** Nobody hears of what happens until they are let out again. */
    holdEvents: (isHeld: boolean) => {
      state.isHeld = isHeld;
    },
    bookmark: () => sendBookmark(state),
    /** What happened until now is not kept any more: a watch from before gets 410. */
    compact: () => {
      state.compactedAt = state.version;
    },
    closeWatches: () => endWatches(({ response }) => response.end()),
    cutWatches: () => endWatches(({ response }) => response.destroy()),
    expireWatches: () =>
      endWatches(({ response }) =>
        response.end(line('ERROR', statusOf({ code: 410, reason: 'Expired', message: 'too old' }))),
      ),
    async stop() {
      endWatches(({ response }) => response.destroy());
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
