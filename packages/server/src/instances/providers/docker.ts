// Instances as containers of a Docker engine: one container an instance, found again by its labels, followed by the engine's
// events. Containers outlive this process: the next start goes on with them. Called by fleet.ts.
import type { Log } from '../../telemetry/log.ts';
import { type InstanceSpec, type Provider, type ProviderEvents, StartRefused } from '../provider.ts';
import { createDockerApi, type DockerApi, type Library, loadLibrary } from './docker-api.ts';
import { checkEngines, findUnset } from './docker-check.ts';
import { type ContainerRegistry, createContainerRegistry } from './docker-containers.ts';
import { labelOfFleet } from './docker-manifest.ts';
import { createNetworks, findOwnContainer } from './docker-network.ts';
import type { DockerSettings } from './docker-settings.pure.ts';
import { createEngineWatch, type EngineWatch } from './docker-watch.ts';
import { serviceEnvironment } from './process-environment.ts';

interface Deps {
  /** By SKU. */
  readonly settings: ReadonlyMap<string, DockerSettings>;
  /** Whose containers are ours, among those of other comfleets at the engine. */
  readonly fleetId: () => Promise<string>;
  readonly log: Log;
  /** The service's own, of which only what a SKU names is handed on. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly loadLibrary?: () => Promise<Library>;
  readonly watchMs?: number;
  /** Where it is written which container this process runs in. */
  readonly mountInfo?: string;
}

/** One engine. */
interface Site {
  readonly api: DockerApi;
  readonly containers: ContainerRegistry;
  readonly watch: EngineWatch;
}

interface State {
  readonly deps: Deps;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly library: Promise<Library>;
  /** By SKU; several may be the same. */
  readonly sites: Map<string, Site>;
}

/** A dead connection is noticed by that; each new one is a list and a look at each container. */
const WATCH_MS = 60_000;

export function createDockerProvider(deps: Deps): Provider {
  // Loading it takes most of a second, which a replica that takes over should not wait for.
  const library = loadLibrary(deps.loadLibrary);
  library.catch(() => undefined); // told by start() and check()
  const state: State = { deps, environment: deps.environment ?? serviceEnvironment(), library, sites: new Map() };
  return {
    kind: 'docker',
    async start(events) {
      const apis = await connect(state);
      const fleetId = await deps.fleetId();
      const made = new Map<DockerApi, Site>();
      const onSeen = () => isListed(state) && events.onListed?.();
      for (const api of new Set(apis.values())) {
        const settings = new Map([...deps.settings].filter(([sku]) => apis.get(sku) === api));
        made.set(api, await openSite(state, { api, settings, events, fleetId, onSeen }));
      }
      for (const [sku, api] of apis) {
        const site = made.get(api);
        if (site !== undefined) state.sites.set(sku, site);
      }
      await Promise.all(listSites(state).map(({ watch }) => watch.start()));
    },
    isListed: () => isListed(state),
    async stop() {
      await Promise.all(listSites(state).flatMap(({ containers, watch }) => [containers.stop(), watch.stop()]));
      state.sites.clear();
    },
    create: async (spec) => create(state, spec),
    roomFor(sku, asked) {
      const site = state.sites.get(sku);
      const ofSite = asked.filter((spec) => state.sites.get(spec.sku) === site);
      return site?.containers.roomFor(sku, ofSite) ?? { left: 0, because: `nothing makes "${sku}"` };
    },
    async remove(id) {
      const sites = listSites(state);
      const knowing = sites.filter(({ containers }) => containers.knows(id));
      await Promise.all((knowing.length > 0 ? knowing : sites).map(({ containers }) => containers.remove(id)));
    },
    async logTail(id) {
      return (
        (await listSites(state)
          .find(({ containers }) => containers.hasLogOf(id))
          ?.containers.logTail(id)) ?? []
      );
    },
    async check() {
      try {
        return await checkEngines(await connect(state), deps.settings, state.environment);
      } catch (error) {
        return [{ sku: undefined, says: error instanceof Error ? error.message : String(error) }];
      }
    },
  };
}

/** The API of each SKU's engine: one for those that share it. */
async function connect({ deps, library: loading }: State): Promise<ReadonlyMap<string, DockerApi>> {
  const library = await loading;
  const made = new Map<string, DockerApi>();
  const bySku = [...deps.settings].map(([sku, { host, certPath }]): [string, DockerApi] => {
    const key = JSON.stringify([host, certPath]);
    const api = made.get(key) ?? createDockerApi(library, { host, certPath });
    made.set(key, api);
    return [sku, api];
  });
  return new Map(bySku);
}

interface SiteWish {
  readonly api: DockerApi;
  readonly settings: ReadonlyMap<string, DockerSettings>;
  readonly events: ProviderEvents;
  readonly fleetId: string;
  /** What exists at its engine is told of. */
  readonly onSeen: () => void;
}

async function openSite({ deps, environment }: State, wish: SiteWish): Promise<Site> {
  const { api, settings, events, fleetId, onSeen } = wish;
  const { log, watchMs = WATCH_MS } = deps;
  const own = await findOwnContainer(api, deps.mountInfo).catch(() => undefined); // an engine that does not answer is told by the watch
  const networks = createNetworks({ api, fleetId, own });
  const containers = createContainerRegistry({ api, fleetId, networks, events, log, environment, settings });
  const { onListed, onEvent } = containers;
  const watch = createEngineWatch({ api, label: labelOfFleet(fleetId), log, onListed, onSeen, onEvent, watchMs });
  return { api, containers, watch };
}

/** Until then what an engine runs may be running still: given to another, it would run twice. */
function isListed(state: State): boolean {
  return listSites(state).every(({ watch }) => watch.blindness() === undefined);
}

function listSites({ sites }: State): Site[] {
  return [...new Set(sites.values())];
}

function create({ deps, environment, sites }: State, spec: InstanceSpec): void {
  const settings = deps.settings.get(spec.sku);
  const site = sites.get(spec.sku);
  if (settings === undefined || site === undefined) {
    throw new StartRefused(`the configuration has no "docker" for the hardware "${spec.sku}"`);
  }
  // What runs there may have the GPU.
  const blindness = site.watch.blindness();
  if (blindness !== undefined) throw new StartRefused(blindness);
  const [unset] = findUnset(settings, environment);
  if (unset !== undefined)
    throw new StartRefused(`the variable ${unset} is not set: the hardware "${spec.sku}" names it`);
  site.containers.create(spec, settings);
}
