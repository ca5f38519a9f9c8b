// The deployments in memory, read through from the database. Called by every route below a deployment and by dispatch.
// What this process wrote is kept at once, what another replica wrote is told (forget); the age bound is for what nobody told.
import { ApiError } from '@comfleet/api';
import type { Queryable } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { type DeploymentRow, findDeployment } from './deployments.sql.ts';
import { type GatedDeployment, judgeAccess } from './gate.pure.ts';

export interface Deployment extends GatedDeployment {
  readonly name: string;
  readonly versionId: string;
  readonly maxInstances: number;
  readonly isAccountActive: boolean;
  readonly row: DeploymentRow;
}

const KEPT_MS = 1_000;
const KEPT = 20_000;

export interface DeploymentDirectory {
  find(id: string): Promise<Deployment | undefined>;
  /** The deployment, if this account may use it; throws the error that the caller is to see. */
  require(id: string, accountId: string): Promise<Deployment>;
  /** What was just written: from now on nobody is told anything older. */
  learn(row: DeploymentRow): void;
  /** The account was closed or opened: what is kept of its deployments is out of date. */
  forgetAccount(accountId: string): void;
  /** Another replica wrote something. */
  forget(): void;
}

/** Less than none after a clock was set back. */
const isFresh = (ageMs: number) => ageMs >= 0 && ageMs < KEPT_MS;

export function createDeploymentDirectory({ db, clock }: { db: Queryable; clock: Clock }): DeploymentDirectory {
  const kept = new Map<string, { deployment: Deployment; loadedAt: number }>();
  let changes = 0;

  async function find(id: string): Promise<Deployment | undefined> {
    if (!isUuid(id)) return undefined;
    const key = id.toLowerCase();
    const known = kept.get(key);
    if (known && isFresh(clock.now() - known.loadedAt)) return known.deployment;
    const before = changes;
    let row: DeploymentRow | undefined;
    try {
      row = await findDeployment(db, key);
    } catch (error) {
      // While the database is away nothing can have changed: polls of live requests go on.
      if (known && isDatabaseUnavailable(error)) return known.deployment;
      throw error;
    }
    if (row === undefined) return undefined;
    // Something was written while this was read, so it may be older than what was learned: look again.
    return changes === before ? keep(row) : await find(id);
  }

  function keep(row: DeploymentRow, loadedAt = clock.now()): Deployment {
    const deployment = toDeployment(row);
    if (kept.size >= KEPT) kept.clear();
    kept.set(row.id, { deployment, loadedAt });
    return deployment;
  }

  return {
    find,
    async require(id, accountId) {
      const deployment = await find(id);
      const gate = judgeAccess(deployment, id.slice(0, 100), accountId);
      if (gate.kind === 'refuse') throw new ApiError(gate.code, gate.message);
      if (deployment === undefined) throw new ApiError(404001);
      return deployment;
    },
    learn(row) {
      changes += 1;
      // Two edits may be learned in another order than they were made in: the next look reads. Until then, and while the
      // database is away, this is the last that is known.
      keep(row, Number.NEGATIVE_INFINITY);
    },
    forgetAccount(accountId) {
      changes += 1;
      for (const [id, { deployment }] of kept) if (deployment.accountId === accountId) kept.delete(id);
    },
    forget() {
      changes += 1;
      // What is kept stays for as long as the database is away.
      for (const [id, { deployment }] of kept) kept.set(id, { deployment, loadedAt: Number.NEGATIVE_INFINITY });
    },
  };
}

export function toDeployment(row: DeploymentRow): Deployment {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    isEnabled: row.is_enabled,
    disabledCode: row.disabled_code,
    deletedAt: row.deleted_at,
    versionId: row.version_id,
    maxInstances: row.max_instances,
    isAccountActive: row.is_account_active,
    row,
  };
}
