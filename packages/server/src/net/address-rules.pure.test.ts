import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeAddressBytes } from './address-rules.pure.ts';

const octet = fc.integer({ min: 0, max: 255 });
const v4 = fc.tuple(octet, octet, octet, octet);

describe('judgeAddressBytes', () => {
  it('an IPv4 address inside its mapped and NAT64 forms is judged as itself', () => {
    fc.assert(
      fc.property(v4, (bytes) => {
        const alone = judgeAddressBytes(bytes);
        expect(judgeAddressBytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...bytes])).toEqual(alone);
        expect(judgeAddressBytes([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...bytes])).toEqual(alone);
      }),
    );
  });

  it('no form that smuggles an IPv4 address lets a refused one through', () => {
    fc.assert(
      fc.property(v4, (bytes) => {
        if (judgeAddressBytes(bytes).kind === 'public') return;
        for (const before of [
          [0x20, 0x02],
          [0x20, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
          [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe],
          [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 2, 0, 0x5e, 0xfe],
          [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]) {
          const address = [...before, ...bytes, ...Array<number>(16).fill(0)].slice(0, 16);
          expect(judgeAddressBytes(address).kind).toBe('refused');
        }
      }),
    );
  });

  it('everything outside 2000::/3 is refused but the two forms above', () => {
    fc.assert(
      fc.property(fc.array(octet, { minLength: 16, maxLength: 16 }), (bytes) => {
        const first = bytes[0] ?? 0;
        if (first >> 5 === 1 || first === 0) return;
        expect(judgeAddressBytes(bytes).kind).toBe('refused');
      }),
    );
  });

  it('bytes of any other length are no address', () => {
    for (const length of [0, 3, 5, 15, 17]) expect(judgeAddressBytes(Array(length).fill(8)).kind).toBe('refused');
  });
});
