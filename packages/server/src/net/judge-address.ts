// Judges an IP address given as text: ipaddr.js only parses, address-rules.pure.ts decides. Used by safe-fetch.ts.
import ipaddr from 'ipaddr.js';
import { type AddressVerdict, judgeAddressBytes } from './address-rules.pure.ts';

// Resolvers and WHATWG URLs only give canonical spellings, so octal, hex and short forms, over which parsers
// disagree, are refused rather than guessed at; so are zone ids, which only make sense on a local link.
export function judgeAddress(address: string): AddressVerdict {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return judgeAddressBytes(ipaddr.IPv4.parse(address).toByteArray());
  if (address.includes(':') && !address.includes('%') && ipaddr.IPv6.isValid(address)) {
    return judgeAddressBytes(ipaddr.IPv6.parse(address).toByteArray());
  }
  return { kind: 'refused', reason: 'not an address' };
}
