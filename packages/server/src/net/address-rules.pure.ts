// Decides whether an IP address (4 or 16 bytes) may be dialled for a caller: only ordinary public unicast may.
// judge-address.ts turns text into bytes and calls this; safe-fetch.ts is the user. The ranges are IANA's two
// special-purpose registries, multicast, and the metadata addresses that clouds answer on.

export type AddressVerdict = { kind: 'public' } | { kind: 'refused'; reason: string };

interface Range {
  bytes: readonly number[];
  bits: number;
  reason: string;
}

const PUBLIC: AddressVerdict = { kind: 'public' };

const v4 = (a: number, b: number, c: number, d: number) => [a, b, c, d];

const V4_REFUSED: readonly Range[] = [
  { bytes: v4(0, 0, 0, 0), bits: 8, reason: 'this network' },
  { bytes: v4(10, 0, 0, 0), bits: 8, reason: 'private' },
  { bytes: v4(100, 64, 0, 0), bits: 10, reason: 'carrier-grade NAT' }, // holds 100.100.100.200, a metadata address
  { bytes: v4(127, 0, 0, 0), bits: 8, reason: 'loopback' },
  { bytes: v4(168, 63, 129, 16), bits: 32, reason: 'cloud metadata' }, // in none of IANA's ranges
  { bytes: v4(169, 254, 0, 0), bits: 16, reason: 'link-local' }, // holds 169.254.169.254
  { bytes: v4(172, 16, 0, 0), bits: 12, reason: 'private' },
  { bytes: v4(192, 0, 0, 0), bits: 24, reason: 'protocol assignments' }, // holds 192.0.0.192, a metadata address
  { bytes: v4(192, 0, 2, 0), bits: 24, reason: 'documentation' },
  { bytes: v4(192, 31, 196, 0), bits: 24, reason: 'AS112' },
  { bytes: v4(192, 52, 193, 0), bits: 24, reason: 'AMT' },
  { bytes: v4(192, 88, 99, 0), bits: 24, reason: '6to4 relay' },
  { bytes: v4(192, 168, 0, 0), bits: 16, reason: 'private' },
  { bytes: v4(192, 175, 48, 0), bits: 24, reason: 'AS112' },
  { bytes: v4(198, 18, 0, 0), bits: 15, reason: 'benchmarking' },
  { bytes: v4(198, 51, 100, 0), bits: 24, reason: 'documentation' },
  { bytes: v4(203, 0, 113, 0), bits: 24, reason: 'documentation' },
  { bytes: v4(224, 0, 0, 0), bits: 4, reason: 'multicast' },
  { bytes: v4(240, 0, 0, 0), bits: 4, reason: 'reserved' }, // holds the broadcast address
];

// 2000::/3 is all of global unicast; these are the pieces of it that are special.
const V6_REFUSED: readonly Range[] = [
  { bytes: [0x20, 0x01, 0x00, 0x00], bits: 23, reason: 'protocol assignments' }, // Teredo, ORCHID, benchmarking …
  { bytes: [0x20, 0x01, 0x0d, 0xb8], bits: 32, reason: 'documentation' },
  { bytes: [0x20, 0x02], bits: 16, reason: '6to4' }, // carries any IPv4 address; no honest server is left there
  { bytes: [0x26, 0x20, 0x00, 0x4f, 0x80, 0x00], bits: 48, reason: 'AS112' },
  { bytes: [0x3f, 0xff, 0x00], bits: 20, reason: 'documentation' },
];

const V6_NAMED: readonly Range[] = [
  { bytes: [0xfe, 0x80], bits: 10, reason: 'link-local' },
  { bytes: [0xfe, 0xc0], bits: 10, reason: 'site-local' },
  { bytes: [0xfc], bits: 7, reason: 'private' }, // holds fd00:ec2::254, a metadata address
  { bytes: [0xff], bits: 8, reason: 'multicast' },
];

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const NAT64 = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

function isInside(bytes: readonly number[], range: Pick<Range, 'bytes' | 'bits'>): boolean {
  const whole = range.bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== (range.bytes[i] ?? 0)) return false;
  const rest = range.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((bytes[whole] ?? 0) & mask) === ((range.bytes[whole] ?? 0) & mask);
}

function judgeV4(bytes: readonly number[]): AddressVerdict {
  const hit = V4_REFUSED.find((range) => isInside(bytes, range));
  return hit ? { kind: 'refused', reason: hit.reason } : PUBLIC;
}

// ISATAP writes an IPv4 address behind 0000:5efe or 0200:5efe in the lower half, under any prefix.
function isIsatap(bytes: readonly number[]): boolean {
  return (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}

function judgeV6(bytes: readonly number[]): AddressVerdict {
  // The two forms under which a public IPv4 server is honestly reached: the address inside decides.
  if (isInside(bytes, { bytes: MAPPED, bits: 96 }) || isInside(bytes, { bytes: NAT64, bits: 96 })) {
    return judgeV4(bytes.slice(12));
  }
  const named = V6_NAMED.find((range) => isInside(bytes, range));
  if (named) return { kind: 'refused', reason: named.reason };
  // Everything outside 2000::/3 is special or unassigned: ::, ::1, v4-compatible, 64:ff9b:1::/48, 100::/64, 5f00::/16 …
  if (!isInside(bytes, { bytes: [0x20], bits: 3 })) return { kind: 'refused', reason: 'not global unicast' };
  const hit = V6_REFUSED.find((range) => isInside(bytes, range));
  if (hit) return { kind: 'refused', reason: hit.reason };
  return isIsatap(bytes) ? judgeV4(bytes.slice(12)) : PUBLIC;
}

export function judgeAddressBytes(bytes: readonly number[]): AddressVerdict {
  if (bytes.length === 4) return judgeV4(bytes);
  if (bytes.length === 16) return judgeV6(bytes);
  return { kind: 'refused', reason: 'not an address' };
}
