// Which instances run a deployment's requests: its pool, and what an instance of it is made from. Pure; asked by dispatch
// and scaling. Instances at fixed URLs and the embedded back end are pools that exist anyway; a scaled pool has instances
// that are started and stopped for it.

/** The embedded back end, or the URLs of COMFLEET_COMFYUI: everybody whose hardware names no provider of its own. */
export const DEFAULT_POOL = 'default';

export interface PooledDeployment {
  readonly id: string;
  readonly accountId: string;
  readonly sku: string;
  readonly versionId: string;
  /** What the version says its instances need (image, custom nodes); undefined where it says nothing. */
  readonly environment: string | undefined;
  /** Its instances may run other deployments of its account with the same environment and hardware. */
  readonly sharesInstances: boolean;
}

export interface Pool {
  readonly key: string;
  /** Instances of it are started and stopped; otherwise they are simply there. */
  readonly isScaled: boolean;
  /** An instance with another one is outdated. */
  readonly fingerprint: string;
}

/** How the SKU's instances come to be: `scaled` by a provider, `fixed` at URLs of its own, or the `default` pool. */
export type SkuSupply = 'scaled' | 'fixed' | 'default';

/** Of the instances at the fixed URLs of a SKU. */
export function poolOfUrls(sku: string): string {
  return `fixed:${sku}`;
}

export function poolOf(deployment: PooledDeployment, supply: SkuSupply): Pool {
  const { id, accountId, sku, versionId, environment, sharesInstances } = deployment;
  if (supply === 'default') return { key: DEFAULT_POOL, isScaled: false, fingerprint: '' };
  if (supply === 'fixed') return { key: poolOfUrls(sku), isScaled: false, fingerprint: '' };
  if (!sharesInstances) return { key: `deployment:${id}`, isScaled: true, fingerprint: `${versionId} ${sku}` };
  // Models come and go with requests; only what an instance is made from has to be the same.
  const made = `${environment ?? ''} ${sku}`;
  return { key: `shared:${accountId}:${made}`, isScaled: true, fingerprint: made };
}
