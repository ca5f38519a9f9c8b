// Ends the live requests of deployments that were disabled or deleted, or whose account was closed. Called by
// app-engine.ts when a deployment was changed, before the change is answered, and after a start, before anything is dispatched.
import { persist } from '../db/persist.ts';
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import type { LiveIndex, LiveRequest, StopWish } from './live.ts';

/** What a deployment's state means for its accepted requests; undefined: go on. */
export function judgeRunning(
  deployment: Pick<Deployment, 'id' | 'isEnabled' | 'disabledCode' | 'deletedAt' | 'isAccountActive'>,
): StopWish | undefined {
  if (deployment.deletedAt !== null) {
    return {
      kind: 'fail',
      code: 10003,
      details: `Deployment ${deployment.id} was deleted while this request was live.`,
    };
  }
  if (!deployment.isAccountActive) {
    const details = `The account of deployment ${deployment.id} was deactivated while this request was live. An administrator can activate it again.`;
    return { kind: 'fail', code: 10002, details };
  }
  // What was accepted has its funds reserved: it goes on (billing/hold.pure.ts).
  if (deployment.isEnabled || deployment.disabledCode === 10001) return undefined;
  const details = `Deployment ${deployment.id} was disabled while this request was live. Enable it with PATCH {"is_enabled": true} and submit again.`;
  return { kind: 'fail', code: 10002, details };
}

interface Deps {
  readonly live: LiveIndex;
  readonly directory: DeploymentDirectory;
  /** Ends one request early: out of the queue, or interrupted where it runs. */
  readonly stop: (request: LiveRequest, wish: StopWish) => void;
}

export async function endRefused(deps: Deps): Promise<void> {
  const wishes = new Map<string, StopWish | undefined>();
  for (const request of deps.live.all()) {
    if (!wishes.has(request.deploymentId)) {
      // A database that goes away just now must not leave them running.
      const deployment = await persist(() => deps.directory.find(request.deploymentId));
      wishes.set(request.deploymentId, deployment && judgeRunning(deployment));
    }
    const wish = wishes.get(request.deploymentId);
    if (wish && request.stop === undefined) deps.stop(request, wish);
  }
}
