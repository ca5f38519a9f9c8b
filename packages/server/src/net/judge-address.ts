// Judges an IP address given as text: ipaddr.js only parses, address-rules.pure.ts decides. Used by resolve-target.ts and target.ts.
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type AddressVerdict, judgeAddressBytes } from './address-rules.pure.ts';

// Resolvers and WHATWG URLs only give canonical spellings, so octal, hex and short forms, over which parsers
// disagree, are refused rather than guessed at; so are zone ids, which only make sense on a local link.
export function judgeAddress(address: string): AddressVerdict {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return judgeAddressBytes(ipaddr.IPv4.parse(address).toByteArray());
  if (isIPv6(address) && !address.includes('%')) {
    // Through the URL parser first, which writes only hex: ipaddr.js takes ::8.8.8.8 for ::ffff:8.8.8.8.
    const hex = new URL(`http://[${address}]/`).hostname.slice(1, -1);
    return judgeAddressBytes(ipaddr.IPv6.parse(hex).toByteArray());
  }
  return { kind: 'refused', reason: 'not an address' };
}
