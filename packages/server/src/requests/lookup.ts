// Finds a request for a poll: from memory while it lives, from the database after that, reads of one turn in one
// statement. Called by routes.ts.
import { ApiError } from '@comfleet/api';
import { createBatcher } from '../db/batch.ts';
import type { Queryable } from '../db/database.ts';
import type { DeploymentDirectory } from '../deployments/directory.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { isTerminal } from './lifecycle.pure.ts';
import type { LiveIndex, LiveRequest } from './live.ts';
import type { RecentlyEnded } from './recently-ended.ts';
import { findRequests, type RequestRow } from './requests.sql.ts';

export type FoundRequest = { kind: 'live'; request: LiveRequest } | { kind: 'ended'; row: RequestRow };

interface Deps {
  readonly db: Queryable;
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly directory: DeploymentDirectory;
  /** False at once unless a start still reads its backlog; else true once that is read, or soon. */
  readonly untilLoaded: () => Promise<boolean>;
}

export interface RequestAddress {
  readonly accountId: string;
  readonly deploymentId: string;
  readonly requestId: string;
}

export interface RequestLookup {
  /** Throws what the caller is to see: 404001, 403003, 10003. */
  require(address: RequestAddress): Promise<FoundRequest>;
}

export function createRequestLookup(deps: Deps): RequestLookup {
  const reads = createBatcher<string, RequestRow | undefined>({
    lanes: 4,
    flush: async (ids) => {
      const rows = new Map((await findRequests(deps.db, ids)).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id));
    },
  });

  async function find({ accountId, deploymentId, requestId }: RequestAddress): Promise<FoundRequest> {
    const deployment = await deps.directory.require(deploymentId, accountId);
    const id = requestId.toLowerCase();
    const live = deps.live.get(id);
    if (live && live.deploymentId === deployment.id) return { kind: 'live', request: live };
    const row = isUuid(id) && live === undefined ? (deps.recent.get(id) ?? (await reads.add(id))) : undefined;
    if (row === undefined || row.deployment_id !== deployment.id) {
      throw refuse({ live, row }, { accountId, deploymentId: deployment.id, requestId });
    }
    if (!isTerminal(row.state)) {
      // It was accepted and has not reached the index: another replica has it, or a start that still reads.
      const again = deps.live.get(id);
      if (again) return { kind: 'live', request: again };
    }
    return { kind: 'ended', row };
  }

  return {
    async require(address) {
      const found = await find(address);
      if (found.kind === 'live' || isTerminal(found.row.state)) return found;
      return (await deps.untilLoaded()) ? await find(address) : found;
    },
  };
}

/** The owner is judged before anything else is told. */
function refuse(
  found: { live: LiveRequest | undefined; row: RequestRow | undefined },
  { accountId, deploymentId, requestId }: RequestAddress,
): ApiError {
  const owner = found.live?.accountId ?? found.row?.account_id;
  const shown = requestId.slice(0, 100);
  if (owner !== undefined && owner !== accountId) {
    return new ApiError(403003, `The token's account does not own request ${shown}.`);
  }
  return new ApiError(404001, `There is no request ${shown} of deployment ${deploymentId}.`);
}
