import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDataUri, parseDataUri } from './data-uri.ts';

const uri = (payload: string) => `data:image/png;base64,${payload}`;

function decoded(text: string): string {
  const parsed = parseDataUri(text);
  return parsed.kind === 'ok' ? parsed.bytes.toString('latin1') : parsed.problem;
}

describe('parseDataUri', () => {
  it.each([
    [uri('QUJD'), 'ABC'],
    [uri('QUI='), 'AB'],
    [uri('QUI'), 'AB'],
    [uri('QQ=='), 'A'],
    [uri('QQ'), 'A'],
    [uri('QUJD\r\nQUJD'), 'ABCABC'],
    [uri(' QUJD QUJD\n'), 'ABCABC'],
    [uri('QUJDQQ%3D%3D'), 'ABCA'],
    [uri('%2B%2b%2F/'), '\xfb\xef\xff'],
    ['DATA:Image/PNG;BASE64,QUJD', 'ABC'],
    ['data:image/png;charset=utf-8;base64,QUJD', 'ABC'],
    ['data:;base64,QUJD', 'ABC'],
    [' data:image/png;base64,QUJD', 'ABC'],
  ])('%j is decoded', (text, expected) => {
    expect(decoded(text)).toBe(expected);
  });

  it.each([
    [uri(''), 'empty'],
    [uri('Q'), 'not valid base64'],
    [uri('QUJDQ'), 'not valid base64'],
    [uri('QUJ!'), 'not valid base64'],
    [uri('QUJD!QUJD'), 'not valid base64'],
    [uri('QU==QUI='), 'not valid base64'],
    [uri('QUI=='), 'not valid base64'],
    [uri('Q==='), 'not valid base64'],
    [uri('===='), 'not valid base64'],
    [uri('QU-_'), 'not valid base64'],
    [uri('Ł'.repeat(4)), 'not valid base64'],
    [uri('QUJDＱ'), 'not valid base64'],
    [uri('QUJD%'), 'not valid base64'],
    [uri('QUJD%00'), 'not valid base64'],
    [uri('QUJD\u0000'), 'not valid base64'],
    ['data:image/png,QUJD', 'not base64'],
    ['data:image/png;base64;x=1,QUJD', 'not base64'],
    ['data:image/png;base64', 'no comma'],
    [`data:${'x'.repeat(600)};base64,QUJD`, 'no comma'],
    ['image/png;base64,QUJD', 'does not begin'],
  ])('%j is refused: %s', (text, problem) => {
    expect(decoded(text)).toContain(problem);
  });

  it('what Buffer encodes is what comes back, wrapped or escaped in any way', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 80 }), (bytes, width) => {
        const encoded = Buffer.from(bytes).toString('base64');
        const wrapped = encoded.replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n');
        for (const payload of [encoded, encoded.replace(/=+$/, ''), wrapped, encodeURIComponent(encoded)]) {
          const parsed = parseDataUri(uri(payload));
          expect(parsed.kind === 'ok' && parsed.bytes.equals(bytes)).toBe(true);
        }
      }),
    );
  });

  it('one wrong character anywhere is noticed', () => {
    const encoded = Buffer.alloc(30, 'abc').toString('base64');
    const wrong = fc.constantFrom('!', '-', '_', '=', '\u0141', '\0', '.', ',', '"');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: encoded.length - 1 }), wrong, fc.boolean(), (at, bad, isInserted) => {
        const broken = encoded.slice(0, at) + bad + encoded.slice(isInserted ? at : at + 1);
        if (broken === `${encoded.slice(0, -1)}=`) return; // a valid shorter text
        expect(decoded(uri(broken))).toContain('not valid base64');
      }),
    );
  });

  it('the limit is on the bytes, to the byte', () => {
    const of = (size: number) => parseDataUri(uri(Buffer.alloc(size).toString('base64')), 1_000).kind;
    expect([of(1_000), of(1_001), of(9_000)]).toEqual(['ok', 'refused', 'refused']);
  });

  it('20 MB are decoded without a stall worth the name', () => {
    const text = uri(Buffer.alloc(20_000_000, 7).toString('base64'));
    const before = process.cpuUsage();
    const { kind } = parseDataUri(text);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500); // 20 to 50 ms on an idle core
    expect(kind).toBe('ok');
  });
});

it('isDataUri looks only at the beginning', () => {
  expect(['data:', ' DATA:x', 'https://x/data:', 'x.png', ''].map(isDataUri)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
