// The network of instances: made by comfleet where it is not there, with no way from one instance to another where the service
// itself is outside of it; and how the service reaches what is inside. Called by docker-start.ts and docker.ts.
import { readFile } from 'node:fs/promises';
import type { DockerApi, SeenNetwork } from './docker-api.ts';
import { labelsOfNetwork } from './docker-manifest.ts';
import { ownContainerId } from './docker-names.pure.ts';
import type { DockerSettings } from './docker-settings.pure.ts';
import type { Reach } from './docker-state.pure.ts';

/** The container of this engine that this process runs in; undefined outside of one, or in one of another engine. */
export async function findOwnContainer(api: DockerApi): Promise<string | undefined> {
  const id = ownContainerId(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
  return id === undefined ? undefined : (await api.readContainer(id))?.Id;
}

export function chooseReach(settings: DockerSettings, own: string | undefined): Reach {
  const { port, network, publishOn, isInternal } = settings;
  const reach = settings.reach ?? (isInternal || own !== undefined ? 'container' : 'published');
  return { port, network, publishedAt: reach === 'published' ? publishOn : undefined };
}

interface Wish {
  readonly reach: Reach;
  readonly fleetId: string;
  readonly own: string | undefined;
}

/** Rejects with what the engine says, or with words where the network is not as it should be. */
export async function ensureNetwork(api: DockerApi, settings: DockerSettings, wish: Wish): Promise<SeenNetwork> {
  const name = settings.network;
  const found = (await api.readNetwork(name)) ?? (await makeNetwork(api, settings, wish));
  if ((found.Internal ?? false) !== settings.isInternal) {
    const is = found.Internal === true ? 'internal' : 'not internal';
    throw new Error(`the network ${name} is there and ${is}: set "internal" so, or name another network`);
  }
  if (wish.reach.publishedAt === undefined && wish.own !== undefined) await api.joinNetwork(name, wish.own);
  return found;
}

async function makeNetwork(api: DockerApi, settings: DockerSettings, { reach, fleetId }: Wish): Promise<SeenNetwork> {
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
