// The version that a request runs, with what is needed to judge its graph. Called by submit.ts.
import { ApiError } from '@comfleet/api';
import type { Deployment } from '../deployments/directory.ts';
import type { LoadedVersion, Versions } from '../workflows/versions.ts';

/** What an instance of a deployment's own hardware says which nodes exist. */
export interface Explored {
  /** Undefined: none runs, or none answered. */
  readonly text: string | undefined;
  /** One is being started for that. */
  readonly isStarting: boolean;
}

interface Deps {
  readonly versions: Versions;
  /** Undefined for those that run on the instances that serve everybody. Where none runs yet, one is started for that. */
  readonly exploreOwn?: (deployment: Deployment) => Promise<Explored | undefined>;
}

/** undefined: nobody can judge the graph, and nobody has to. */
export async function loadVersion(
  deps: Deps,
  deployment: Deployment,
  isPretended: boolean,
): Promise<LoadedVersion | undefined> {
  let explored: Explored | undefined;
  const capture = async () => {
    explored = isPretended ? undefined : await deps.exploreOwn?.(deployment);
    return explored;
  };
  const version = await deps.versions.load(deployment.versionId, capture);
  if (version === undefined) throw new ApiError(404001, `The version of deployment ${deployment.id} no longer exists.`);
  if (version.objectInfoSha256 === undefined) {
    if (isPretended) return undefined;
    throw notChecked(explored?.isStarting === true);
  }
  return version;
}

const NOT_CHECKED =
  'No ComfyUI instance has answered yet, so nobody can say which nodes exist and the graph cannot be checked. Nothing was accepted;';

function notChecked(isStarting: boolean): ApiError {
  const wayOut = isStarting
    ? 'an instance is being started for that: send it again in some seconds. A version that is saved with its object_info need not wait.'
    : 'try again when an instance runs, or save the version with its object_info.';
  return new ApiError(503001, `${NOT_CHECKED} ${wayOut}`, { headers: { 'retry-after': isStarting ? '5' : '1' } });
}
