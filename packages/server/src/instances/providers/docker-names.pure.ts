// Names as a Docker engine takes them: the version of its API, an image as repository and tag, and the container that this
// process itself runs in. Pure; asked by docker-api.ts and docker-network.ts.

/** The oldest that knows GPUs, and the newest whose description all calls were checked against. */
const OLDEST = '1.41';
const NEWEST = '1.55';

interface EngineVersion {
  readonly ApiVersion?: string;
  readonly MinAPIVersion?: string;
}

/** As `v1.47`. Throws when both have no version in common. */
export function chooseVersion({ ApiVersion = OLDEST, MinAPIVersion = OLDEST }: EngineVersion): string {
  if (isOlder(ApiVersion, OLDEST)) {
    const message = `it speaks version ${ApiVersion} of its API, and ${OLDEST} is needed: update it`;
    throw Object.assign(new Error(message), { code: 'ERR_INVALID_VERSION' });
  }
  // One that has left all of ours behind is spoken to in its oldest: nearest to what was checked.
  if (isOlder(NEWEST, MinAPIVersion)) return `v${MinAPIVersion}`;
  return `v${isOlder(ApiVersion, NEWEST) ? ApiVersion : NEWEST}`;
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number);
  return major === thanMajor ? minor < thanMinor : major < thanMajor;
}

/** Without a tag all of them would be pulled. */
export function splitImage(image: string): { fromImage: string; tag: string } {
  const [name = '', digest] = image.split('@');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const fromImage = hasTag ? name.slice(0, colon) : name;
  return { fromImage, tag: digest ?? (hasTag ? name.slice(colon + 1) : 'latest') };
}

/** From /proc/self/mountinfo: an engine gives its containers files that lie in a folder with their id. */
export function ownContainerId(mountInfo: string): string | undefined {
  return /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\b/.exec(mountInfo)?.[1];
}
