// The version that a request runs, with what is needed to judge its graph. Called by submit.ts.
import { ApiError } from '@comfleet/api';
import type { Deployment } from '../deployments/directory.ts';
import type { LoadedVersion, Versions } from '../workflows/versions.ts';

interface Deps {
  readonly versions: Versions;
  /** Asks an instance of the deployment's own which nodes exist; where none runs yet, one is started for that. */
  readonly exploreOwn?: (deployment: Deployment) => Promise<string | undefined>;
}

/** undefined: nobody can judge the graph, and nobody has to. */
export async function loadVersion(
  deps: Deps,
  deployment: Deployment,
  isPretended: boolean,
): Promise<LoadedVersion | undefined> {
  const capture = async () => (isPretended ? undefined : await deps.exploreOwn?.(deployment));
  const version = await deps.versions.load(deployment.versionId, capture);
  if (version === undefined) throw new ApiError(404001, `The version of deployment ${deployment.id} no longer exists.`);
  if (version.objectInfoSha256 === undefined) {
    if (isPretended) return undefined;
    throw new ApiError(
      503001,
      'No ComfyUI instance has answered yet, so nobody can say which nodes exist and the graph cannot be checked. Nothing was accepted; try again when an instance runs, or save the version with its object_info.',
    );
  }
  return version;
}
