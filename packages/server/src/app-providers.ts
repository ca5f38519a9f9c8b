// The providers that the configuration names. Called by app-fleet.ts and by `comfleet doctor`.
import type { AppBase } from './app-engine.ts';
import { poolOfUrls } from './deployments/pool.pure.ts';
import { takeFleetId } from './instances/instances.sql.ts';
import type { Provider } from './instances/provider.ts';
import type { SkuSettings } from './instances/provider-settings.ts';
import { createDockerProvider } from './instances/providers/docker.ts';
import { createNeighbours } from './instances/providers/docker-neighbours.ts';
import { createEmbeddedProvider } from './instances/providers/embedded.ts';
import { createKubernetesProvider } from './instances/providers/kubernetes.ts';
import { createProcessProvider } from './instances/providers/process.ts';
import { createStaticProvider } from './instances/providers/static.ts';

type ProviderBase = Pick<AppBase, 'config' | 'emulatorCommand' | 'db' | 'newId' | 'clock' | 'log'>;

/** One for everybody, and one for each way that the SKUs of the configuration name. */
export function chooseProviders(base: ProviderBase): Provider[] {
  return [...chooseDefault(base), ...chooseOfUrls(base), ...chooseScaled(base)];
}

function chooseDefault({ config, emulatorCommand, db, newId, log }: ProviderBase): Provider[] {
  if (config.comfyuiUrls.length > 0) return [createStaticProvider({ db, newId, urls: config.comfyuiUrls })];
  if (emulatorCommand === undefined) return [];
  const { dataDir, runTimeoutMs } = config;
  return [createEmbeddedProvider({ command: emulatorCommand, dataDir, newId, log, runTimeoutMs })];
}

function chooseOfUrls({ config, db, newId }: ProviderBase): Provider[] {
  return [...config.providers].flatMap(([sku, settings]) =>
    settings.kind === 'static' ? [createStaticProvider({ db, newId, urls: settings.urls, pool: poolOfUrls(sku) })] : [],
  );
}

function chooseScaled({ config, db, newId, clock, log }: ProviderBase): Provider[] {
  const providers: Provider[] = [];
  const processes = pick(config.providers, (each) => (each.kind === 'process' ? each.process : undefined));
  const { dataDir, runTimeoutMs } = config;
  if (processes.size > 0) providers.push(createProcessProvider({ settings: processes, dataDir, log, runTimeoutMs }));
  const fleetId = () => takeFleetId(db, newId);
  const containers = pick(config.providers, (each) => (each.kind === 'docker' ? each.docker : undefined));
  if (containers.size > 0) providers.push(createDockerProvider({ settings: containers, fleetId, log }));
  const pods = pick(config.providers, (each) => (each.kind === 'kubernetes' ? each.kubernetes : undefined));
  if (pods.size > 0) {
    providers.push(createKubernetesProvider({ settings: pods, fleetId, now: () => clock.now(), log }));
  }
  return providers;
}

/** Whether an address is that of an instance; undefined where none can reach what listens here by one of its own. */
export function createInstanceFinder({ config, clock, log }: Pick<ProviderBase, 'config' | 'clock' | 'log'>) {
  const settings = pick(config.providers, (each) => (each.kind === 'docker' ? each.docker : undefined));
  if (settings.size === 0) return undefined;
  return createNeighbours({ settings: settings.values(), log, now: () => clock.now() });
}

function pick<T>(settings: ReadonlyMap<string, SkuSettings>, read: (each: SkuSettings) => T | undefined) {
  const picked = new Map<string, T>();
  for (const [sku, each] of settings) {
    const found = read(each);
    if (found !== undefined) picked.set(sku, found);
  }
  return picked;
}
