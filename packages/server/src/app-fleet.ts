// Makes the fleet: the providers that the configuration names, the record of what they start, and whose instances run
// which deployment. Called by app-engine.ts.
import type { AppBase } from './app-engine.ts';
import { chooseProviders } from './app-providers.ts';
import type { Meter } from './billing/meter.ts';
import type { Deployment } from './deployments/directory.ts';
import { DEFAULT_POOL, type Pool, poolOf, poolOfUrls } from './deployments/pool.pure.ts';
import { describeGpus } from './instances/find-gpus.ts';
import { createFleet, type Fleet, type Instance } from './instances/fleet.ts';
import { createLives } from './instances/lives.ts';
import type { InstanceSpec } from './instances/provider.ts';
import { createProviderCheck, type ProviderCheck } from './instances/provider-check.ts';
import { supplyOf } from './instances/provider-settings.ts';

export interface AppFleet {
  readonly fleet: Fleet;
  readonly poolOf: (deployment: Deployment) => Pool;
  /** How much memory an instance's GPU has, in words; undefined where nobody knows. */
  readonly memoryOf: (instance: Instance) => string | undefined;
  readonly providerCheck: ProviderCheck;
  /** Why no deployment on the SKU can run now, as far as is known; undefined: one can. */
  readonly whyUnavailable: (sku: string) => string | undefined;
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
  const now = () => clock.now();
  const kindOf = (sku: string) => settings.get(sku)?.kind;
  const providerCheck = createProviderCheck({ providers, kindOf, now, log });
  const fleet = createFleet({
    providers,
    now,
    log,
    lives,
    kindOf,
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
    providerCheck,
    whyUnavailable(sku) {
      if (!hardware.usable.includes(sku)) return 'its entry of "hardware" in comfleet.config.json names no provider';
      const supply = supplyOf(settings, sku);
      if (supply === 'scaled') return providerCheck.problemOf(sku);
      const pool = supply === 'fixed' ? poolOfUrls(sku) : DEFAULT_POOL;
      return fleet.ready(pool).length > 0 ? undefined : 'no ComfyUI that could run it answers';
    },
    hasScaled: [...settings.values()].some(({ kind }) => kind !== 'static'),
  };
}
