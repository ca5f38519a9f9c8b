// What the configuration says about providers: of each SKU, how its instances are made. Read at the start by
// hardware-providers.ts from the `process`, `docker`, `kubernetes` or `urls` of an entry of `hardware`.
import type { SkuSupply } from '../deployments/pool.pure.ts';
import type { DockerSettings } from './providers/docker-settings.pure.ts';
import type { KubernetesSettings } from './providers/kubernetes-settings.pure.ts';
import type { ProcessSettings } from './providers/process-settings.pure.ts';

export type SkuSettings =
  | { readonly kind: 'static'; readonly urls: readonly string[] }
  | { readonly kind: 'process'; readonly process: ProcessSettings }
  | { readonly kind: 'docker'; readonly docker: DockerSettings }
  | { readonly kind: 'kubernetes'; readonly kubernetes: KubernetesSettings };

/** By SKU; one that is not there runs on the default pool. */
export type ProviderSettings = ReadonlyMap<string, SkuSettings>;

export function supplyOf(settings: ProviderSettings, sku: string): SkuSupply {
  const found = settings.get(sku);
  if (found === undefined) return 'default';
  return found.kind === 'static' ? 'fixed' : 'scaled';
}
