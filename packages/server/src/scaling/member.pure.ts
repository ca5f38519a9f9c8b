// A deployment as scaling sees it: what it wants of its pool, and why it may have no instances. Pure; made by
// pool-records.ts of each deployment that is read.
import type { DeploymentRow } from '../deployments/deployments.sql.ts';
import type { GatedDeployment } from '../deployments/gate.pure.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { ScaleLimits } from './decide.pure.ts';

/** A deployment that uses the pool. */
export interface Member {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly sku: string;
  /** What its instances are made from now: those with another one are outdated. */
  readonly fingerprint: string;
  readonly limits: ScaleLimits;
  /** Why it has no instances: disabled, deleted; undefined while it may have some. */
  readonly closedBecause: string | undefined;
  /** Its funds are used up: what was accepted still runs (it has its funds reserved), and nothing is kept for later. */
  readonly isUnfunded: boolean;
}

type Limits = Pick<DeploymentRow, 'hardware' | 'queue_size' | 'min_instances' | 'max_instances' | 'keep_warm_seconds'>;

interface ScaledDeployment extends GatedDeployment {
  readonly name: string;
  readonly isAccountActive: boolean;
  readonly row: Limits;
}

export function toMember(deployment: ScaledDeployment, { fingerprint }: Pool): Member {
  const { id, accountId, name, row } = deployment;
  return {
    id,
    accountId,
    name,
    sku: row.hardware,
    fingerprint,
    limits: {
      queueSize: row.queue_size,
      minInstances: row.min_instances,
      maxInstances: row.max_instances,
      keepWarmMs: row.keep_warm_seconds * 1_000,
    },
    closedBecause: whyClosed(deployment),
    isUnfunded: !deployment.isEnabled && deployment.disabledCode === 10001,
  };
}

function whyClosed({ deletedAt, isAccountActive, isEnabled, disabledCode }: ScaledDeployment): string | undefined {
  if (deletedAt !== null) return 'the deployment was deleted';
  if (!isAccountActive) return 'the account is deactivated';
  return isEnabled || disabledCode === 10001 ? undefined : 'the deployment is disabled';
}
