// Whether a deployment's graph could run, asked of the version's own object_info, of each live instance, and of what makes
// its instances. Called by routes.ts.
import type { Preflight } from '@comfleet/api';
import type { ObjectInfo } from '@comfleet/comfyui';
import type { LoadedVersion } from '../workflows/versions.ts';
import type { Deployment } from './directory.ts';
import { checkPlace } from './preflight.pure.ts';

/** The object_info of each live instance that may run it; undefined when one did not answer. Implemented where instances are known. */
export type ListEnvironments = (
  deployment: Deployment,
) => Promise<{ instanceId: string; info: ObjectInfo | undefined }[]>;

interface Deps {
  readonly listEnvironments: ListEnvironments;
  /** Why no instance of a SKU can be started; undefined where nothing is known against it. */
  readonly hardwareProblem: (sku: string) => string | undefined;
}

export async function preflight(deps: Deps, deployment: Deployment, version: LoadedVersion): Promise<Preflight> {
  const { id, row } = deployment;
  const { hardware } = row;
  const problem = deps.hardwareProblem(hardware);
  const environments = await deps.listEnvironments(deployment);
  const places = environments.flatMap(({ instanceId, info }) =>
    info === undefined ? [] : [{ source: 'instance' as const, instanceId, info }],
  );
  const own = version.objectInfoSha256 === undefined ? [] : [{ source: 'version' as const, info: version.info }];
  const checks = [...own, ...places].map((place) => checkPlace(version.graph, version.info, place));
  return {
    deployment_id: id,
    workflow_version: `v${version.number}`,
    ok: problem === undefined && checks.length > 0 && checks.every(({ ok }) => ok),
    ...(problem === undefined ? {} : { hardware_problem: `${hardware}: ${problem}` }),
    checks,
  };
}
