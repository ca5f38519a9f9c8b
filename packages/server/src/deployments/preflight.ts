// Whether a deployment's graph could run, asked of the version's own object_info and of each live instance. Called by
// routes.ts.
import type { Preflight } from '@comfleet/api';
import type { ObjectInfo } from '@comfleet/comfyui';
import type { LoadedVersion } from '../workflows/versions.ts';
import { checkPlace } from './preflight.pure.ts';

/** A live instance's object_info; undefined when it did not answer. Implemented where instances are known. */
export type ListEnvironments = () => Promise<{ instanceId: string; info: ObjectInfo | undefined }[]>;

export async function preflight(
  deps: { readonly listEnvironments: ListEnvironments },
  deploymentId: string,
  version: LoadedVersion,
): Promise<Preflight> {
  const environments = await deps.listEnvironments();
  const places = environments.flatMap(({ instanceId, info }) =>
    info === undefined ? [] : [{ source: 'instance' as const, instanceId, info }],
  );
  const own = version.objectInfoSha256 === undefined ? [] : [{ source: 'version' as const, info: version.info }];
  const checks = [...own, ...places].map((place) => checkPlace(version.graph, version.info, place));
  return {
    deployment_id: deploymentId,
    workflow_version: `v${version.number}`,
    ok: checks.length > 0 && checks.every(({ ok }) => ok),
    checks,
  };
}
