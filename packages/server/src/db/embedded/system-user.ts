// PostgreSQL refuses to run as root, so under root its programs run as an unprivileged user. Decides which one and
// whether that user can get to a path. Called by binaries.ts and cluster.ts.
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** Given to spawn; undefined: run as ourselves. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: SystemUser = { uid: 65_534, gid: 65_534 };

const ownUid = (): number | undefined => process.getuid?.();

/** The owner of an existing cluster stays its owner, whatever users the system has got since. */
export function chooseSystemUser(clusterDir: string): SystemUser | undefined {
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (ownUid() !== 0) {
    if (owner && owner.uid !== ownUid() && ownUid() !== undefined) {
      throw new EmbeddedPostgresError(
        `${clusterDir} belongs to user ${owner.uid}, and this is user ${ownUid()}: start as that user or as root, ` +
          `or change the owner (chown -R ${ownUid()} on the data directory)`,
      );
    }
    return undefined;
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return findUser('postgres') ?? findUser('nobody') ?? NOBODY;
}

function findUser(name: string): SystemUser | undefined {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container image without users: the fixed number does.
    return undefined;
  }
  const line = text.split('\n').find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid && Number(uid) > 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/** Whether the user may pass through every folder on the way to `path`, and through `path` itself if it is a folder. */
export function canReach(path: string, user: SystemUser): boolean {
  const { uid, gid, mode } = statSync(path);
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  if (((mode >> shift) & 1) === 0) return false;
  const parent = dirname(path);
  return parent === path || canReach(parent, user);
}
