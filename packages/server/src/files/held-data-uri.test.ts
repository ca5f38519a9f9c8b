// A data URI decoded from its body's bytes is what the plain decoder makes of the text.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeldText } from '../http/held-texts.ts';
import { parseDataUri } from './data-uri.ts';
import { decodeHeldDataUri } from './held-data-uri.ts';

const MAX = 1024 * 1024;

/** As it stands between the quotes of a body. */
function hold(json: string): HeldText {
  return { bytes: Buffer.from(json), hasEscapes: json.includes('\\'), isDataUri: true };
}

const bytes = randomBytes(200_000);
const base64 = bytes.toString('base64');

describe('the same bytes come out', () => {
  it.each([
    ['plain', base64],
    ['with the slashes escaped', base64.replaceAll('/', '\\/')],
    ['with + as an escape', base64.replaceAll('+', '\\u002B')],
    ['with all of it as escapes', base64.replaceAll('+', '\\u002b').replaceAll('/', '\\/').replaceAll('=', '\\u003D')],
    ['wrapped in lines', base64.replaceAll(/(.{76})/g, '$1\\r\\n')],
    ['wrapped by blanks', base64.replaceAll(/(.{60})/g, '$1 ')],
    ['percent-encoded', encodeURIComponent(base64)],
    ['without padding', base64.replace(/=+$/, '')],
  ])('%s', async (_what, data) => {
    const found = await decodeHeldDataUri(hold(`data:image/png;base64,${data}`), MAX);
    expect(found).toMatchObject({ kind: 'ok', mime: 'image/png' });
    if (found.kind === 'ok') expect(found.bytes.equals(bytes)).toBe(true);
  });

  it('when its head is escaped too, and a second time', async () => {
    const held = hold(`data:image\\/png;base64,${base64}`);
    await decodeHeldDataUri(held, MAX);
    const found = await decodeHeldDataUri(held, MAX);
    expect(found).toMatchObject({ kind: 'ok', mime: 'image/png', bytes: expect.any(Buffer) });
  });
});

describe('it is refused', () => {
  it.each([
    ['a letter of another alphabet', `${base64.slice(0, 99_999)}-${base64.slice(100_000)}`, 'not valid base64'],
    ['a wide character', `${base64.slice(0, 1_000)}é`, 'not valid base64'],
    ['an end in the middle', `${base64.slice(0, 100_001)}=${base64.slice(100_002)}`, 'not valid base64'],
    ['an escaped quote', `${base64.slice(0, 100)}\\"${base64.slice(101)}`, 'not valid base64'],
    ['a broken percent escape', `${base64.slice(0, 100)}%zz${base64.slice(101)}`, 'not valid base64'],
    ['one letter too many', `${base64.replace(/=+$/, '').slice(0, 4_000)}A`, 'not valid base64'],
    ['no data', ' '.repeat(70_000), 'empty'],
    ['too many bytes', Buffer.alloc(MAX + 1).toString('base64'), `larger than ${MAX} bytes`],
  ])('for %s', async (_what, data, problem) => {
    const found = await decodeHeldDataUri(hold(`data:;base64,${data}`), MAX);
    expect(found).toMatchObject({ kind: 'refused', problem: expect.stringContaining(problem) });
  });
});

it('judges any text as the plain decoder does', async () => {
  const letters = fc.constantFrom(...'AAAAzz09+/=-_% \n"\\é!');
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: letters, maxLength: 40 }), async (data) => {
      const text = `data:image/png;base64,${data}`;
      const plain = parseDataUri(text, 16);
      const held = await decodeHeldDataUri(hold(JSON.stringify(text).slice(1, -1)), 16);
      expect(held.kind).toBe(plain.kind);
      if (held.kind === 'ok' && plain.kind === 'ok') expect(held.bytes.equals(plain.bytes)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
