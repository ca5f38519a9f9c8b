// Decides from a URL's text alone whether an outbound call may go there, and on what terms. safe-fetch.ts asks this
// before every hop; submit may ask it too, so that an impossible URL is refused before acceptance.
import { isIP } from 'node:net';
import { judgeAddress } from './judge-address.ts';

export interface Target {
  url: URL;
  hostname: string; // without the brackets of IPv6
  port: number;
  isAllowListed: boolean; // the operator opened this host:port although it is private
  address: string | undefined; // set when the host is a literal address
}

export type TargetVerdict = { kind: 'ok'; target: Target } | { kind: 'refused'; message: string };

const MAX_URL_CHARACTERS = 8_192;
/** Never anybody else's, so no resolver has to be asked. */
const LOOPBACK_NAME = /(?:^|\.)localhost\.?$/i;
const NO_PUBLIC_ADDRESS = 'does not lead to a public address (its host is private, or has no address)';

// What may be shown or logged of a URL: userinfo and query carry credentials (signed URLs, tokens).
export function describeUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

// One text for "resolves to a private address" and "does not resolve": else it would map an internal network.
export function refuseHost(url: URL): string {
  return `${describeUrl(url)} ${NO_PUBLIC_ADDRESS}`;
}

// host:port as the caller wrote it, so that an entry opens exactly one spelling and nothing that resolves to it.
function writtenHostPort(text: string, url: URL): string | undefined {
  const authority = /^https?:\/\/([^/?#\\@]+)/i.exec(text.trim())?.[1]?.toLowerCase();
  if (authority === undefined) return undefined;
  if (/:\d+$/.test(authority)) return authority;
  return `${authority}:${url.protocol === 'https:' ? 443 : 80}`;
}

function refuse(message: string): TargetVerdict {
  return { kind: 'refused', message };
}

// What is wrong with the text wherever it points to.
function malformed(text: string): string | undefined {
  if (text.length > MAX_URL_CHARACTERS) return `the URL is longer than ${MAX_URL_CHARACTERS} characters`;
  if (!URL.canParse(text)) return 'the URL cannot be parsed';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'only https URLs can be fetched';
  return url.username !== '' || url.password !== '' ? 'a URL with a user name or password is not fetched' : undefined;
}

export function judgeTarget(text: string, allowPrivateHosts: ReadonlySet<string>): TargetVerdict {
  const problem = malformed(text);
  if (problem !== undefined) return refuse(problem);
  const url = new URL(text);
  const written = writtenHostPort(text, url);
  const isAllowListed = written !== undefined && allowPrivateHosts.has(written);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (!isAllowListed && url.protocol !== 'https:') return refuse(`${describeUrl(url)} is not https`);
  if (!isAllowListed && port !== 443 && port !== 80) return refuse(`${describeUrl(url)} uses a port that is not open`);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const address = isIP(hostname) === 0 ? undefined : hostname;
  const isPrivate = address === undefined ? LOOPBACK_NAME.test(hostname) : judgeAddress(address).kind === 'refused';
  if (isPrivate && !isAllowListed) return refuse(refuseHost(url));
  return { kind: 'ok', target: { url, hostname, port, isAllowListed, address } };
}

// The setting's entries in the form that judgeTarget compares with.
export function allowedHosts(entries: readonly string[]): ReadonlySet<string> {
  return new Set(entries.map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== ''));
}
