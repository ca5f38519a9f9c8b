// What URLs in answers begin with: the configured public URL, or the address the caller used when that can be trusted.
// Called by serve-route.ts for each call.
import { BlockList, isIP, isIPv6 } from 'node:net';
import { ApiError } from '@comfleet/api';

export interface PublicUrlSettings {
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly trustedProxies: readonly string[];
}

export interface AddressedCall {
  readonly host: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly forwardedHost: string | undefined;
  readonly forwardedProto: string | undefined;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const HOST = /^[a-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9a-f:.]{2,45}\](:\d{1,5})?$/i;

export function createPublicUrl(settings: PublicUrlSettings): (call: AddressedCall) => string {
  if (settings.publicUrl !== undefined) {
    const base = settings.publicUrl;
    return () => base;
  }
  const proxies = settings.trustedProxies.length === 0 ? undefined : readBlocks(settings.trustedProxies);
  const allowed = new Set(settings.allowedHosts.map((host) => host.toLowerCase()));
  return (call) => {
    const isProxied =
      proxies !== undefined && call.remoteAddress !== undefined && isListed(proxies, call.remoteAddress);
    const host = (isProxied ? call.forwardedHost?.split(',')[0]?.trim() : undefined) ?? call.host;
    const proto = isProxied && call.forwardedProto?.split(',')[0]?.trim() === 'https' ? 'https' : 'http';
    if (host === undefined || !HOST.test(host) || !(LOOPBACK.test(host) || isAllowed(allowed, host))) {
      const shown = (host ?? '').slice(0, 100);
      throw new ApiError(
        422001,
        `The Host "${shown}" is not one this service may put into URLs. Its operator has to set COMFLEET_PUBLIC_URL or COMFLEET_ALLOWED_HOSTS.`,
        { detail: [{ loc: ['header', 'host'], msg: 'Not an allowed host.', type: 'host_not_allowed', input: shown }] },
      );
    }
    return `${proto}://${host}`;
  };
}

function isAllowed(allowed: ReadonlySet<string>, host: string): boolean {
  const lower = host.toLowerCase();
  return allowed.has(lower) || allowed.has(lower.replace(/:\d+$/, ''));
}

/** Whether an address is in one of the entries, which are addresses and CIDR blocks. */
export function createAddressList(entries: readonly string[]): (address: string) => boolean {
  const list = readBlocks(entries);
  return (address) => isListed(list, address);
}

function readBlocks(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function isListed(list: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  if (isIP(plain) === 0) return false;
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
