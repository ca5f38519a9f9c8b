// Makes the scaler, and what of it is told to people: a deployment's status, why its requests wait. Called by app-engine.ts.
import { ApiError } from '@comfleet/api';
import type { AppBase } from './app-engine.ts';
import type { AppFleet } from './app-fleet.ts';
import type { Funds } from './billing/funds.ts';
import { listScalable } from './deployments/deployments.sql.ts';
import { type Deployment, type DeploymentDirectory, toDeployment } from './deployments/directory.ts';
import { DEFAULT_POOL } from './deployments/pool.pure.ts';
import type { DeploymentStatus } from './deployments/view.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { describeFleet } from './instances/describe-fleet.ts';
import { listColdStarts } from './instances/lives.sql.ts';
import type { Explored } from './requests/load-version.ts';
import { createScaleRecorder } from './scaling/record-scaling.ts';
import { createScaler, type Scaler } from './scaling/scaler.ts';

export interface AppScaler {
  readonly scaler: Scaler;
  /** Whether an instance that may run the deployment's requests is ready. */
  readonly hasReady: (deploymentId: string) => boolean;
  /** Why its requests wait, for a person. */
  readonly whyWaiting: (deploymentId: string) => string;
  /** The same, in words that do not change by the second. */
  readonly whyWaitingBriefly: (deploymentId: string) => string;
  /** The object_info of an instance of the deployment's own; where none is ready yet, one is asked for. */
  readonly exploreOwn: (deployment: Deployment) => Promise<Explored | undefined>;
  readonly statusOf: (deployment: Deployment) => DeploymentStatus;
}

interface Parts extends AppFleet {
  readonly base: AppBase;
  readonly directory: DeploymentDirectory;
  readonly dispatcher: Dispatcher;
  readonly funds: Funds | undefined;
  /** Disables the account's deployments for want of funds, and tells. */
  readonly disableAll: (accountId: string) => Promise<void>;
}

export function createAppScaler({ base, directory, dispatcher, funds, disableAll, ...made }: Parts): AppScaler {
  const { fleet, poolOf, hasScaled } = made;
  const { db, log, clock, newId, config } = base;
  const scaler = createScaler({
    listDeployments: async (ids) => (await listScalable(db, ids)).map(toDeployment),
    listColdStarts: () => listColdStarts(db),
    recorder: createScaleRecorder({ db, log }),
    clock,
    log,
    newId,
    fleet: { ...fleet, listen: (listener) => fleet.listen({ ...listener }) },
    demand: dispatcher.demand,
    findDeployment: (id) => directory.find(id),
    poolOf,
    problemOf: made.providerCheck.problemOf,
    waitingDeployments: dispatcher.demand.waitingDeployments,
    canPay: funds && ((accountId) => canPay(funds, accountId, disableAll)),
    startTimeoutMs: config.startTimeoutMs,
    hasScaled,
  });
  const describeOthers = (deploymentId: string) =>
    describeFleet(fleet, dispatcher.demand.poolOf(deploymentId) ?? DEFAULT_POOL);
  return {
    scaler,
    hasReady: (deploymentId) => fleet.ready(dispatcher.demand.poolOf(deploymentId)).length > 0,
    whyWaiting: (deploymentId) => scaler.whyWaiting(deploymentId) ?? describeOthers(deploymentId),
    whyWaitingBriefly: (deploymentId) =>
      scaler.whyWaiting(deploymentId, { isBrief: true }) ?? describeOthers(deploymentId),
    async exploreOwn(deployment) {
      const { key, isScaled } = poolOf(deployment);
      if (key === DEFAULT_POOL) return undefined;
      const text = await fleet.captureObjectInfo(key);
      return { text, isStarting: text === undefined && isScaled && scaler.warmUp(deployment, 1) };
    },
    statusOf(deployment) {
      const scaling = scaler.describe(deployment);
      if (scaling !== undefined) return scaling;
      if (!deployment.isEnabled) return { status: 'disabled', reason: 'it is disabled' };
      const { key } = poolOf(deployment);
      if (fleet.ready(key).length > 0) return { status: 'running', reason: undefined };
      const isLost = fleet.all().some(({ pool, phase }) => pool === key && phase === 'lost');
      return { status: isLost ? 'error' : 'starting', reason: describeFleet(fleet, key) };
    },
  };
}

/** Whoever cannot has its deployments disabled, as a submit would do it (10001). */
async function canPay(funds: Funds, accountId: string, disableAll: Parts['disableAll']): Promise<boolean> {
  try {
    await funds.requireFunds(accountId);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 10001) throw error;
    await disableAll(accountId);
    return false;
  }
}
