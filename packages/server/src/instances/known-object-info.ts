// An instance's object_info, parsed: megabytes that hold up everybody while they are read, so they are read once for all who
// ask within a time. Kept by fleet.ts for pre-flights and proxied prompts.
import type { ObjectInfo } from '@comfleet/comfyui';
import type { Instance } from './fleet.ts';

interface Read {
  readonly info: Promise<ObjectInfo>;
  /** Of the instance: another process may stand behind its address since. */
  readonly since: number;
  readonly at: number;
}

/** Gives what was read at most so long ago; fails when the instance does not answer. */
export type ReadObjectInfo = (instance: Instance, maxAgeMs: number) => Promise<ObjectInfo>;

export function createObjectInfoReader(now: () => number = () => performance.now()): ReadObjectInfo {
  const kept = new WeakMap<Instance, Read>();
  return (instance, maxAgeMs) => {
    const known = kept.get(instance);
    if (known && known.since === instance.since && now() - known.at < maxAgeMs) return known.info;
    const info = instance.connection.client.objectInfo().then((fetched) => fetched.info);
    const read = { info, since: instance.since, at: now() };
    kept.set(instance, read);
    info.catch(() => {
      if (kept.get(instance) === read) kept.delete(instance); // the next one asks again
    });
    return info;
  };
}
