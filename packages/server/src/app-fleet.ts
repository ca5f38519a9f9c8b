// Makes the fleet: the providers that the configuration names, the record of what they start, and whose instances run
// which deployment. Called by app-engine.ts.
import type { AppBase } from './app-engine.ts';
import { chooseProviders, createProviderCheck } from './app-providers.ts';
import type { Meter } from './billing/meter.ts';
import type { Deployment } from './deployments/directory.ts';
import { DEFAULT_POOL, type Pool, poolOf, poolOfUrls } from './deployments/pool.pure.ts';
import { describeGpus } from './instances/find-gpus.ts';
import { createFleet, type Fleet, type Instance } from './instances/fleet.ts';
import { createLives } from './instances/lives.ts';
import type { InstanceSpec } from './instances/provider.ts';
import { supplyOf } from './instances/provider-settings.ts';

export interface AppFleet {
  readonly fleet: Fleet;
  readonly poolOf: (deployment: Deployment) => Pool;
  /** How much memory an instance's GPU has, in words; undefined where nobody knows. */
  readonly memoryOf: (instance: Instance) => string | undefined;
  /** Whether a deployment on the SKU can run now, as far as is known. */
  readonly canRun: (sku: string) => boolean;
  /** Whether any hardware has instances that are started and stopped. */
  readonly hasScaled: boolean;
}

/** `meter`: who bills what is started; asked for once it exists. */
export function createAppFleet(base: AppBase, meter: () => Meter): AppFleet {
  const { config, overrides, db, newId, clock, log } = base;
  const { providers: settings, hardware } = config;
  const priceOf = (sku: string) => hardware.skus.find((each) => each.sku === sku)?.pricePerHourMicrodollars ?? 0;
  const asked = ({ id, accountId, deploymentId, sku }: InstanceSpec) =>
    meter().instanceAsked({
      instanceId: id,
      accountId,
      deploymentId,
      sku,
      pricePerHourMicrodollars: priceOf(sku),
    });
  const lives = createLives({
    db,
    log,
    keepDays: config.requestRetentionDays,
    meter: { asked, gone: (id) => meter().instanceGone(id) },
  });
  const memoryOf = ({ spec, gpus }: Pick<Instance, 'spec' | 'gpus'>) => {
    const sku = hardware.skus.find((each) => each.sku === spec?.sku);
    return describeGpus(gpus) ?? (sku && `${sku.sku} has ${sku.vramGb} GB of VRAM`);
  };
  const providers = overrides.providers?.({ db, newId }) ?? chooseProviders(base);
  const hasProblem = createProviderCheck(providers, () => clock.now());
  const fleet = createFleet({
    providers,
    now: () => clock.now(),
    log,
    lives,
    kindOf: (sku) => settings.get(sku)?.kind,
    startTimeoutMs: config.startTimeoutMs,
    memoryOf,
    untilCertain: base.replicas && (() => base.replicas?.leader.untilCertain() ?? Promise.resolve()),
  });
  return {
    fleet,
    memoryOf,
    poolOf: ({ id, accountId, versionId, row }) => {
      const environment = row.environment_hash ?? undefined;
      const own = { id, accountId, sku: row.hardware, versionId, environment, sharesInstances: row.share_instances };
      return poolOf(own, supplyOf(settings, row.hardware));
    },
    canRun(sku) {
      const found = settings.get(sku);
      if (found === undefined) return fleet.ready(DEFAULT_POOL).length > 0;
      if (found.kind === 'static') return fleet.ready(poolOfUrls(sku)).length > 0;
      return !hasProblem(found.kind);
    },
    hasScaled: [...settings.values()].some(({ kind }) => kind !== 'static'),
  };
}
