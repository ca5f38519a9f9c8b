// Disables what an account can no longer pay for: one deployment, or all of them. Called by app-engine.ts for billing.
// Their live requests go on: what was accepted has its funds reserved (billing/hold.pure.ts).
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/events.sql.ts';
import { disableUnfunded } from './deployments.sql.ts';
import type { DeploymentDirectory } from './directory.ts';

interface Deps {
  readonly db: Database;
  readonly directory: DeploymentDirectory;
}

export async function disableForFunds(
  { db, directory }: Deps,
  of: { accountId: string; deploymentId?: string },
): Promise<void> {
  const rows = await db.transaction(async (tx) => {
    const disabled = await disableUnfunded(tx, of);
    for (const row of disabled) {
      await recordEvent(tx, {
        accountId: row.account_id,
        kind: 'deployment.disabled',
        subjectId: row.id,
        deploymentId: row.id,
        message: `Deployment "${row.name}" was disabled: the funds do not allow new runs (10001).`,
        changes: { is_enabled: { old: true, new: false } },
      });
    }
    return disabled;
  });
  for (const row of rows) directory.learn(row);
}
