// Whether a deployment takes a new request. Pure; called by requests/submit.ts and by every route below a deployment.
import type { ErrorCode } from '@comfleet/api';

export interface GatedDeployment {
  readonly id: string;
  readonly accountId: string;
  readonly isEnabled: boolean;
  /** Why it is disabled: 10001 for want of funds, 10002 by its owner. */
  readonly disabledCode: 10001 | 10002 | null;
  readonly deletedAt: number | null;
}

export type Gate = { kind: 'open' } | { kind: 'refuse'; code: ErrorCode; message: string };

const open: Gate = { kind: 'open' };

/** May this account name this deployment at all? The owner is judged before anything else is told. */
export function judgeAccess(deployment: GatedDeployment | undefined, id: string, accountId: string): Gate {
  if (deployment === undefined) return refuse(404001, `There is no deployment ${id}.`);
  if (deployment.accountId !== accountId) return refuse(403003, `The token's account does not own deployment ${id}.`);
  if (deployment.deletedAt !== null) {
    return refuse(10003, `Deployment ${id} was deleted at ${new Date(deployment.deletedAt).toISOString()}.`);
  }
  return open;
}

export function judgeSubmit(deployment: GatedDeployment): Gate {
  if (deployment.isEnabled) return open;
  if (deployment.disabledCode === 10001) {
    return refuse(
      10001,
      `Deployment ${deployment.id} was disabled when funds ran out, and stays so until it is enabled.`,
    );
  }
  return refuse(10002, `Deployment ${deployment.id} is disabled; PATCH it with {"is_enabled": true} to enable it.`);
}

function refuse(code: ErrorCode, message: string): Gate {
  return { kind: 'refuse', code, message };
}
