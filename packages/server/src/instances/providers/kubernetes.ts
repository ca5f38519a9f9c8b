// Instances as Pods of a Kubernetes cluster: one Pod an instance, found again by its labels, followed by a watch. Which
// machine it runs on is the cluster's to decide. Pods outlive this process: the next start goes on with them. Called by fleet.ts.
import type { KubeConfig } from '@kubernetes/client-node';
import type { Log } from '../../telemetry/log.ts';
import { type InstanceSpec, type Provider, type ProviderEvents, StartRefused } from '../provider.ts';
import { createKubernetesApi, type KubernetesApi, type Library, loadConfig, loadLibrary } from './kubernetes-api.ts';
import { checkCluster } from './kubernetes-check.ts';
import { explainRefusal, readFailure } from './kubernetes-error.pure.ts';
import { makePod, podName, readSpec, selectFleet } from './kubernetes-manifest.ts';
import { createPodRegistry, type PodRegistry } from './kubernetes-pods.ts';
import type { KubernetesSettings } from './kubernetes-settings.pure.ts';
import { createPodWatch, type PodWatch } from './kubernetes-watch.ts';

interface Deps {
  /** By SKU. */
  readonly settings: ReadonlyMap<string, KubernetesSettings>;
  /** Whose Pods are ours, among those of other comfleets in the namespace. */
  readonly fleetId: () => Promise<string>;
  readonly now: () => number;
  readonly log: Log;
  readonly loadLibrary?: () => Promise<Library>;
  /** How to reach the cluster; a test has its own. */
  readonly loadConfig?: (library: Library, context: string | undefined) => KubeConfig;
  readonly watchSeconds?: number;
}

/** One namespace of one cluster. */
interface Site {
  readonly api: KubernetesApi;
  readonly pods: PodRegistry;
  readonly watch: PodWatch;
}

interface State {
  readonly deps: Deps;
  readonly library: Promise<Library>;
  fleetId: string;
  /** By SKU; several may be the same. */
  readonly sites: Map<string, Site>;
}

/** A dead connection is noticed by that; each new watch is one call. */
const WATCH_SECONDS = 60;

export function createKubernetesProvider(deps: Deps): Provider {
  // Loading it takes most of a second, which a replica that takes over should not wait for.
  const library = loadLibrary(deps.loadLibrary);
  library.catch(() => undefined); // told by start() and check()
  const state: State = { deps, library, fleetId: '', sites: new Map() };
  return {
    kind: 'kubernetes',
    async start(events) {
      state.fleetId = await deps.fleetId();
      for (const [sku, api] of await connect(state)) state.sites.set(sku, openSite(state, events, api));
      await Promise.all(listSites(state).map(({ watch }) => watch.start()));
    },
    async stop() {
      for (const { pods } of listSites(state)) pods.stop();
      await Promise.all(listSites(state).map(({ watch }) => watch.stop()));
      state.sites.clear();
    },
    isListed: () => isListed(state),
    create: (spec) => create(state, spec),
    async remove(id) {
      const sites = listSites(state);
      const knowing = sites.filter(({ pods }) => pods.knows(id));
      await Promise.all((knowing.length > 0 ? knowing : sites).map(({ pods }) => pods.remove(id)));
    },
    async logTail(id) {
      return (
        (await listSites(state)
          .find(({ pods }) => pods.hasLogOf(id))
          ?.pods.logTail(id)) ?? []
      );
    },
    async check() {
      try {
        return await checkCluster(await connect(state), deps.settings);
      } catch (error) {
        return [{ sku: undefined, says: error instanceof Error ? error.message : String(error) }];
      }
    },
  };
}

/** The API of each SKU's namespace: one for those that share it. */
async function connect({ deps, library: loading }: State): Promise<ReadonlyMap<string, KubernetesApi>> {
  const library = await loading;
  const made = new Map<string, KubernetesApi>();
  const bySku = [...deps.settings].map(([sku, { context, namespace }]): [string, KubernetesApi] => {
    const key = JSON.stringify([context, namespace]);
    const config = (deps.loadConfig ?? loadConfig)(library, context);
    const api = made.get(key) ?? createKubernetesApi(library, config, namespace);
    made.set(key, api);
    return [sku, api];
  });
  return new Map(bySku);
}

const DEFAULT_PORT = 8188;

function openSite(state: State, events: ProviderEvents, api: KubernetesApi): Site {
  const known = listSites(state).find((site) => site.api === api);
  if (known !== undefined) return known;
  const { deps, fleetId } = state;
  const { now, log } = deps;
  const portOf = (sku: string) => deps.settings.get(sku)?.port ?? DEFAULT_PORT;
  const pods: PodRegistry = createPodRegistry({
    api,
    fleetId,
    events,
    portOf,
    now,
    log,
    listing: () => watch.listing(),
  });
  const selector = selectFleet(fleetId);
  const watchSeconds = deps.watchSeconds ?? WATCH_SECONDS;
  const onFirstList = () => {
    if (isListed(state)) events.onListed?.();
  };
  const watch = createPodWatch({ api, selector, log, listener: pods, watchSeconds, onFirstList });
  return { api, pods, watch };
}

function listSites({ sites }: State): Site[] {
  return [...new Set(sites.values())];
}

function isListed(state: State): boolean {
  return listSites(state).every(({ watch }) => watch.isListed());
}

async function create({ deps, sites, fleetId }: State, spec: InstanceSpec): Promise<void> {
  const settings = deps.settings.get(spec.sku);
  const site = sites.get(spec.sku);
  if (settings === undefined || site === undefined) {
    throw new StartRefused(`the configuration has no "kubernetes" for the hardware "${spec.sku}"`);
  }
  const { api, pods } = site;
  await pods.ask(spec, async () => {
    try {
      return await api.createPod(makePod(spec, settings, fleetId));
    } catch (error) {
      const failure = readFailure(error);
      if (failure.reason === 'AlreadyExists') return await recognize(api, spec, fleetId);
      throw new StartRefused(explainRefusal(failure, api.namespace), { cause: error });
    }
  });
}

/** By an earlier call, of this process or another, whose answer did not arrive. */
async function recognize(api: KubernetesApi, spec: InstanceSpec, fleetId: string) {
  const name = podName(spec.id);
  const pod = await api.readPod(name).catch((error: unknown) => {
    throw new StartRefused(explainRefusal(readFailure(error), api.namespace), { cause: error });
  });
  if (readSpec(pod, fleetId)?.id === spec.id) return pod;
  throw new StartRefused(`namespace ${api.namespace} has a Pod ${name} already, and it is not of this comfleet`);
}
