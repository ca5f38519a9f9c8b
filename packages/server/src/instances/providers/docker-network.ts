// The network of instances: made by comfleet where it is not there, with no way from one instance to another where the service
// itself is outside of it; and how the service reaches what is inside. Called by docker-start.ts and docker.ts.
import { readFile } from 'node:fs/promises';
import type { DockerApi, SeenNetwork } from './docker-api.ts';
import { labelsOfNetwork } from './docker-manifest.ts';
import { ownContainerId } from './docker-names.pure.ts';
import type { DockerSettings } from './docker-settings.pure.ts';
import type { Reach } from './docker-state.pure.ts';

/** The container of this engine that this process runs in; undefined where it is outside, as in the network of the machine. */
export async function findOwnContainer(
  api: DockerApi,
  mountInfo = '/proc/self/mountinfo',
): Promise<string | undefined> {
  const id = ownContainerId(await readFile(mountInfo, 'utf8').catch(() => ''));
  const own = id === undefined ? undefined : await api.readContainer(id);
  // That of the machine can join no other; and what is published on it is reached.
  return own?.HostConfig?.NetworkMode === 'host' ? undefined : own?.Id;
}

function chooseReach(settings: DockerSettings, own: string | undefined): Reach {
  const { port, network, publishOn, isInternal } = settings;
  const reach = settings.reach ?? (isInternal || own !== undefined ? 'container' : 'published');
  return { port, network, publishedAt: reach === 'published' ? publishOn : undefined };
}

interface Deps {
  readonly api: DockerApi;
  readonly fleetId: string;
  /** The container that the service runs in, if it is one of this engine. */
  readonly own: string | undefined;
}

export interface Networks {
  /** Rejects with what the engine says, or with words where the network is not as it should be. */
  ensure(settings: DockerSettings): Promise<Reach>;
}

export function createNetworks(deps: Deps): Networks {
  // Engines before version 25 make two of the same name, and find neither by it then.
  const making = new Map<string, Promise<SeenNetwork>>();
  async function find(settings: DockerSettings, reach: Reach): Promise<SeenNetwork> {
    const name = settings.network;
    const found = making.get(name) ?? deps.api.readNetwork(name);
    const there = await found;
    if (there !== undefined) return there;
    const made = making.get(name) ?? makeNetwork(deps, settings, reach).finally(() => making.delete(name));
    making.set(name, made);
    return await made;
  }
  return {
    async ensure(settings) {
      const reach = chooseReach(settings, deps.own);
      const { Internal = false } = await find(settings, reach);
      if (Internal !== settings.isInternal) {
        const is = Internal ? 'internal' : 'not internal';
        throw new Error(
          `the network ${settings.network} is there and ${is}: set "internal" so, or name another network`,
        );
      }
      if (reach.publishedAt === undefined && deps.own !== undefined)
        await deps.api.joinNetwork(reach.network, deps.own);
      return reach;
    },
  };
}

async function makeNetwork({ api, fleetId }: Deps, settings: DockerSettings, reach: Reach): Promise<SeenNetwork> {
  const { network: Name, isInternal: Internal } = settings;
  // Nobody has to speak to a neighbour but a service that is one.
  const isClosed = reach.publishedAt !== undefined;
  await api.createNetwork({
    Name,
    Driver: 'bridge',
    Internal,
    Options: { 'com.docker.network.bridge.enable_icc': String(!isClosed) },
    Labels: labelsOfNetwork(fleetId),
  });
  const made = await api.readNetwork(Name);
  if (made === undefined) throw new Error(`the network ${Name} went away while it was made`);
  return made;
}
