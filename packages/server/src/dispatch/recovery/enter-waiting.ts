// Rows of requests that wait → the queue, each once, those of closed deployments to their end. Called for what a start
// reads (recover.ts) and for what other replicas accepted (take-in.ts).
import type { Funds } from '../../billing/funds.ts';
import type { DeploymentDirectory } from '../../deployments/directory.ts';
import { judgeRunning } from '../../requests/end-refused.ts';
import type { LiveIndex, LiveRequest, StopWish } from '../../requests/live.ts';
import type { RecentlyEnded } from '../../requests/recently-ended.ts';
import type { LiveRow } from '../../requests/recover.sql.ts';
import type { Simulator } from '../../requests/simulation/simulator.ts';
import { tellStart } from '../../requests/tell-start.ts';
import { crashPoint } from '../../telemetry/crash-point.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { restoreRequest } from './restore-request.ts';

export type EnterDeps = Parameters<typeof tellStart>[0] & {
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly directory: DeploymentDirectory;
  readonly dispatcher: Dispatcher;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Undefined unless this is a sandbox. */
  readonly simulator?: Simulator | undefined;
};

/**
 * In the order of the rows. What closes a deployment waits for this (endOfRefused), so none slips by. `queue`: where they go,
 * the lanes unless it says otherwise.
 */
export function enterWaiting(
  deps: EnterDeps,
  rows: readonly LiveRow[],
  queue: (request: LiveRequest) => void = (request) => deps.dispatcher.restoreWaiting(request),
): Promise<void> {
  return deps.dispatcher.backlog.inTurn(async () => {
    const wishes = await judgeDeployments(deps, rows);
    for (const row of rows) {
      deps.dispatcher.backlog.arrived(row.deployment_id);
      if (!isNew(deps, row.id)) continue;
      const request = enter(deps, row, wishes.get(row.deployment_id));
      if (!deps.simulator?.restore(request)) queue(request);
    }
  });
}

/** A submit that is under way in this process hands its request over itself. */
export function isNew({ live, recent }: Pick<EnterDeps, 'live' | 'recent'>, id: string): boolean {
  return live.get(id) === undefined && recent.get(id) === undefined;
}

async function judgeDeployments({ directory }: EnterDeps, rows: readonly LiveRow[]) {
  const ids = [...new Set(rows.map((row) => row.deployment_id))];
  const judged = ids.map(async (id): Promise<[string, StopWish | undefined]> => {
    const deployment = await directory.find(id);
    return [id, deployment && judgeRunning(deployment)];
  });
  return new Map(await Promise.all(judged));
}

function enter(deps: EnterDeps, row: LiveRow, wish: StopWish | undefined): LiveRequest {
  crashPoint('mid-recovery');
  const { dispatcher, simulator } = deps;
  const isSimulated = simulator?.isRecalled(row.id) ?? false;
  const request = restoreRequest(row, { funds: isSimulated ? undefined : deps.funds, now: deps.clock.now() });
  if (dispatcher.backlog.isCancelled(row.id)) request.stop ??= { kind: 'cancel' };
  request.stop ??= wish;
  deps.live.add(request);
  if (row.webhook_intermediate) tellStart(deps, request);
  return request;
}
