// Makes the scaler, and what of it is told to people: a deployment's status, why its requests wait. Called by app-engine.ts.
import { ApiError } from '@comfleet/api';
import type { AppBase } from './app-engine.ts';
import type { AppFleet } from './app-fleet.ts';
import type { Funds } from './billing/funds.ts';
import { listScalable } from './deployments/deployments.sql.ts';
import { type Deployment, type DeploymentDirectory, toDeployment } from './deployments/directory.ts';
import { describeFleet } from './dispatch/deadlines.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { createScaleRecorder } from './scaling/record-scaling.ts';
import { createScaler, type Scaler } from './scaling/scaler.ts';

export interface AppScaler {
  readonly scaler: Scaler;
  /** Whether an instance that may run the deployment's requests is ready. */
  readonly hasReady: (deploymentId: string) => boolean;
  /** Why its requests wait, for a person. */
  readonly whyWaiting: (deploymentId: string) => string;
  readonly statusOf: (deployment: Deployment) => 'standby' | 'starting' | 'running' | 'disabled' | 'error';
}

interface Parts extends AppFleet {
  readonly base: AppBase;
  readonly directory: DeploymentDirectory;
  readonly dispatcher: Dispatcher;
  readonly funds: Funds | undefined;
}

export function createAppScaler({ base, directory, dispatcher, funds, ...made }: Parts): AppScaler {
  const { fleet, poolOf, hasScaled } = made;
  const { db, log, clock, newId, config } = base;
  const scaler = createScaler({
    listDeployments: async (ids) => (await listScalable(db, ids)).map(toDeployment),
    recorder: createScaleRecorder({ db, log }),
    clock,
    log,
    newId,
    fleet: { ...fleet, listen: (listener) => fleet.listen({ ...listener }) },
    demand: dispatcher.demand,
    findDeployment: (id) => directory.find(id),
    poolOf,
    waitingDeployments: dispatcher.demand.waitingDeployments,
    canPay: funds && ((accountId) => canPay(funds, accountId)),
    startTimeoutMs: config.startTimeoutMs,
    hasScaled,
  });
  return {
    scaler,
    hasReady: (deploymentId) => fleet.ready(dispatcher.demand.poolOf(deploymentId)).length > 0,
    whyWaiting: (deploymentId) => scaler.whyWaiting(deploymentId) ?? describeFleet(fleet),
    statusOf(deployment) {
      const scaling = scaler.describe(deployment);
      if (scaling !== undefined) return scaling.status;
      if (!deployment.isEnabled) return 'disabled';
      const { key } = poolOf(deployment);
      if (fleet.ready(key).length > 0) return 'running';
      const isLost = fleet.all().some(({ pool, phase }) => pool === key && phase === 'lost');
      return isLost ? 'error' : 'starting';
    },
  };
}

async function canPay(funds: Funds, accountId: string): Promise<boolean> {
  try {
    await funds.requireFunds(accountId);
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}
