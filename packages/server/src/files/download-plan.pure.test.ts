import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDisposition, type Downloadable, planDownload } from './download-plan.pure.ts';

const SHA = 'ab'.repeat(32);
const MODIFIED_AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const FILE: Downloadable = {
  sizeBytes: 1_000,
  sha256: SHA,
  contentType: 'image/png',
  filename: 'cat.png',
  modifiedAtMs: MODIFIED_AT_MS,
};

function plan(headers: Record<string, string>, more: { method?: string; file?: Partial<Downloadable> } = {}) {
  return planDownload({ ...FILE, ...more.file }, { method: more.method ?? 'GET', headers });
}

describe('a plain download', () => {
  it('has every header that makes it cacheable and harmless', () => {
    expect(plan({})).toEqual({
      status: 200,
      range: undefined,
      hasBody: true,
      headers: {
        'content-type': 'image/png',
        'content-length': '1000',
        'content-disposition': 'inline; filename="cat.png"',
        etag: `"${SHA}"`,
        'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
        'cross-origin-resource-policy': 'cross-origin',
      },
    });
  });

  it('HEAD has the same headers and no body, with or without a Range', () => {
    const get = plan({});
    for (const headers of [{}, { range: 'bytes=0-1' }]) {
      expect(plan(headers, { method: 'HEAD' })).toEqual({ ...get, hasBody: false });
    }
  });
});

describe('ranges', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-499', 0, 499],
    ['bytes=500-', 500, 999],
    ['bytes=999-', 999, 999],
    ['bytes=0-99999', 0, 999],
    ['bytes=-1', 999, 999],
    ['bytes=-1000', 0, 999],
    ['bytes=-5000', 0, 999],
    ['bytes= 5-6 ', 5, 6],
    ['Bytes=5-6', 5, 6],
  ])('%s is bytes %i to %i', (range, start, end) => {
    const planned = plan({ range });
    expect(planned).toMatchObject({ status: 206, range: { start, end }, hasBody: true });
    expect(planned.headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/1000`,
      'content-length': String(end - start + 1),
    });
  });

  it.each([
    'bytes=0-1,5-6',
    'bytes=5-4',
    'bytes=-',
    'bytes=a-b',
    'bytes=0x1-2',
    'items=0-1',
    'bytes 0-1',
    '',
    'bytes=1-2-3',
    `bytes=${'9'.repeat(99)}-`,
  ])('%j is answered with the whole file', (range) => {
    expect(plan({ range })).toMatchObject({ status: 200, range: undefined, headers: { 'content-length': '1000' } });
  });

  it.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0', 'bytes=999999999999999-'])(
    '%s cannot be satisfied',
    (range) => {
      const planned = plan({ range });
      expect(planned).toMatchObject({ status: 416, hasBody: false });
      expect(planned.headers['content-range']).toBe('bytes */1000');
    },
  );

  it('an empty file satisfies no range and is sent whole otherwise', () => {
    const file = { sizeBytes: 0 };
    expect(plan({ range: 'bytes=0-' }, { file }).status).toBe(416);
    expect(plan({ range: 'bytes=-1' }, { file }).status).toBe(416);
    expect(plan({}, { file })).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  });

  it('any range of any file stays inside it and its length is right', () => {
    const number = fc.oneof(fc.constant(''), fc.nat(30).map(String));
    fc.assert(
      fc.property(fc.nat(20), number, number, (sizeBytes, first, last) => {
        const planned = plan({ range: `bytes=${first}-${last}` }, { file: { sizeBytes } });
        if (planned.status !== 206 || !planned.range) return;
        const { start, end } = planned.range;
        expect(start >= 0 && start <= end && end < sizeBytes).toBe(true);
        expect(planned.headers['content-length']).toBe(String(end - start + 1));
      }),
    );
  });
});

describe('conditions', () => {
  const LAST_MODIFIED = 'Fri, 02 Jan 2026 03:04:05 GMT';

  it.each<[Record<string, string>, number]>([
    [{ 'if-none-match': `"${SHA}"` }, 304],
    [{ 'if-none-match': `W/"${SHA}"` }, 304],
    [{ 'if-none-match': `"x", "${SHA}"` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-none-match': SHA }, 200],
    [{ 'if-none-match': '"x"', 'if-modified-since': LAST_MODIFIED }, 200],
    [{ 'if-modified-since': LAST_MODIFIED }, 304],
    [{ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:06 GMT' }, 304],
    [{ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }, 200],
    [{ 'if-modified-since': 'rubbish' }, 200],
    [{ 'if-none-match': `"${SHA}"`, range: 'bytes=0-1' }, 304],
    [{ range: 'bytes=0-1', 'if-range': `"${SHA}"` }, 206],
    [{ range: 'bytes=0-1', 'if-range': `W/"${SHA}"` }, 200],
    [{ range: 'bytes=0-1', 'if-range': '"x"' }, 200],
    [{ range: 'bytes=0-1', 'if-range': LAST_MODIFIED }, 206],
    [{ range: 'bytes=0-1', 'if-range': 'Fri, 02 Jan 2026 03:04:06 GMT' }, 200],
    [{ range: 'bytes=0-1', 'if-range': 'rubbish' }, 200],
    [{ range: 'bytes=5000-', 'if-range': '"x"' }, 200],
  ])('%j gives %i', (headers, status) => {
    expect(plan(headers).status).toBe(status);
  });

  it('304 keeps the tag and has no body', () => {
    const planned = plan({ 'if-none-match': '*' });
    expect(planned).toMatchObject({ hasBody: false, headers: { etag: `"${SHA}"` } });
    expect(planned.headers).not.toHaveProperty('content-length');
  });
});

describe('what is shown and what is saved', () => {
  it.each([
    'image/png',
    'image/jpeg',
    'image/webp',
    'image/gif',
    'video/mp4',
    'video/webm',
    'audio/mpeg',
    'audio/wav',
    'audio/flac',
    'audio/ogg',
    'IMAGE/PNG',
    'audio/ogg; codecs=opus',
  ])('%s is shown', (contentType) => {
    expect(plan({}, { file: { contentType } }).headers['content-disposition']).toMatch(/^inline;/);
  });

  it.each([
    'image/svg+xml',
    'text/html',
    'text/plain; charset=utf-8',
    'application/octet-stream',
    'application/pdf',
    'image/png2',
    'text/html;image/png',
    '',
  ])('%j is saved', (contentType) => {
    expect(plan({}, { file: { contentType } }).headers['content-disposition']).toMatch(/^attachment;/);
  });

  it.each([
    ['cat.png', `inline; filename="cat.png"`],
    ['my cat.png', `inline; filename="my cat.png"`],
    ['a"b.png', `inline; filename="a_b.png"; filename*=UTF-8''a%22b.png`],
    ['100%.png', `inline; filename="100_.png"; filename*=UTF-8''100%25.png`],
    ['猫.png', `inline; filename="_.png"; filename*=UTF-8''%E7%8C%AB.png`],
    ["it's(1)*.é", `inline; filename="it's(1)*._"; filename*=UTF-8''it%27s%281%29%2A.%C3%A9`],
    ['a\r\nSet-Cookie: x=1', `inline; filename="a__Set-Cookie: x=1"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1`],
    ['\ud800.png', `inline; filename="_.png"; filename*=UTF-8''%EF%BF%BD.png`],
  ])('the name %j', (filename, expected) => {
    expect(contentDisposition('inline', filename)).toBe(expected);
  });

  it('no name breaks out of the header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (filename) => {
        expect(contentDisposition('attachment', filename)).toMatch(
          /^attachment; filename="[\x20-\x7e]*"(; filename\*=UTF-8''[A-Za-z0-9%._~!-]*)?$/,
        );
      }),
    );
  });
});
