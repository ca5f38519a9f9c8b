// Whose addresses are those of instances: asked by the admin port, which is not for them. They reach what listens on all
// addresses of the machine, or of a container in their network, and nothing on the way keeps them from it. Made by
// app-providers.ts, on every replica.
import { BlockList, isIP } from 'node:net';
import { describeError, type Log } from '../../telemetry/log.ts';
import { createDockerApi, type Library, loadLibrary } from './docker-api.ts';
import type { DockerSettings } from './docker-settings.pure.ts';

interface Deps {
  readonly settings: Iterable<DockerSettings>;
  readonly log: Log;
  readonly now: () => number;
  readonly loadLibrary?: () => Promise<Library>;
}

/** A network that was made since is known by then. */
const KEPT_MS = 5_000;

/** Whether the address is in a network of instances, as far as the engines tell: what one said last goes on being held. */
export function createNeighbours({
  settings,
  log,
  now,
  loadLibrary: load,
}: Deps): (address: string) => Promise<boolean> {
  const places = new Map([...settings].map((each) => [JSON.stringify([each.host, each.certPath, each.network]), each]));
  const known = new Map<string, BlockList>();
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> = Promise.resolve();

  async function ask(): Promise<void> {
    const library = await loadLibrary(load);
    const asked = [...places].map(async ([key, place]) => {
      const network = await createDockerApi(library, place).readNetwork(place.network);
      known.set(key, listSubnets(network?.IPAM?.Config ?? []));
    });
    for (const { reason } of (await Promise.allSettled(asked)).filter((each) => each.status === 'rejected')) {
      log.debug(describeError(reason), 'it is not known which addresses instances have');
    }
  }

  return async (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
    if (/^(127\.|::1$)/.test(plain)) return false;
    if (now() - askedAt > KEPT_MS) {
      askedAt = now();
      asking = ask().catch((error) =>
        log.debug(describeError(error), 'it is not known which addresses instances have'),
      );
    }
    await asking;
    return [...known.values()].some((list) => list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4'));
  };
}

/** All addresses but that of the machine itself, from which its own published ports are called. */
function listSubnets(configs: readonly { Subnet?: string | undefined; Gateway?: string | undefined }[]): BlockList {
  const list = new BlockList();
  for (const { Subnet = '', Gateway = '' } of configs) {
    const [base = '', bits] = Subnet.split('/');
    if (isIP(base) === 0) continue;
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(Gateway) !== 4 || family === 'ipv6') list.addSubnet(base, Number(bits), family);
    else for (const [from, to] of aroundOf(base, Number(bits), Gateway)) list.addRange(from, to);
  }
  return list;
}

function aroundOf(base: string, bits: number, gateway: string): [string, string][] {
  const first = toNumber(base);
  const last = first + 2 ** (32 - bits) - 1;
  const own = toNumber(gateway);
  const ranges: [number, number][] = [
    [first, own - 1],
    [own + 1, last],
  ];
  return ranges.filter(([from, to]) => from <= to).map(([from, to]) => [toAddress(from), toAddress(to)]);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
