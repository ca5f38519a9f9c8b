import { describe, expect, it } from 'vitest';
import { fits, type MediaKind, sniffCommonImage, sniffMedia } from './media-type.ts';
import { outputContentType } from './output-content-type.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const text = (value: string) => Buffer.from(value.padEnd(64, ' '));
const riff = (what: string) =>
  Buffer.concat([Buffer.from('RIFF'), hex('ffff0000'), Buffer.from(what.padEnd(64, '\0'))]);
const mp4 = (brand: string) => Buffer.concat([hex('00000020'), Buffer.from(`ftyp${brand}`), Buffer.alloc(40)]);
const pngHead = '89504e470d0a1a0a 0000000d49484452 00000001000000010806000000 1f15c489';
const oggPage = (codec: string) =>
  Buffer.concat([Buffer.from('OggS'), Buffer.alloc(24), Buffer.from(codec.padEnd(40, '\0'))]);

const SAMPLES: Record<string, [Buffer, string, MediaKind]> = {
  png: [hex(`${pngHead} 0000000a49444154789c6300010000050001`), 'image/png', 'image'],
  apng: [hex(`${pngHead} 000000086163544c 0000000100000000 b93d8e36 0000000a49444154`), 'image/apng', 'image'],
  jpeg: [hex('ffd8ffe000104a46494600010100000100010000ffdb'), 'image/jpeg', 'image'],
  webp: [riff('WEBPVP8 '), 'image/webp', 'image'],
  gif: [Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff'), 'image/gif', 'image'],
  bmp: [Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), 'image/bmp', 'image'],
  tiff: [hex('49492a0008000000 0000 0000 0000 0000 0000 0000 0000'), 'image/tiff', 'image'],
  avif: [mp4('avif'), 'image/avif', 'image'],
  mp4: [mp4('isom'), 'video/mp4', 'video'],
  quicktime: [mp4('qt  '), 'video/quicktime', 'video'],
  m4a: [mp4('M4A '), 'audio/x-m4a', 'audio'],
  webm: [hex('1a45dfa3 9f 4286 81 01 4282 84 7765626d 0000000000000000000000000000000000'), 'video/webm', 'video'],
  avi: [riff('AVI LIST'), 'video/vnd.avi', 'video'],
  wav: [riff('WAVEfmt '), 'audio/wav', 'audio'],
  mp3: [
    Buffer.concat([Buffer.from('ID3\x03\x00\x00\x00\x00\x00\x00', 'latin1'), hex('fffb9064'), Buffer.alloc(400)]),
    'audio/mpeg',
    'audio',
  ],
  flac: [Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(40)]), 'audio/flac', 'audio'],
  ogg: [oggPage('\x01vorbis'), 'audio/ogg', 'audio'],
  pdf: [text('%PDF-1.7\n'), 'application/pdf', 'file'],
  zip: [hex('504b0506 000000000000000000000000000000000000'), 'application/zip', 'file'],
};

describe('sniffMedia', () => {
  it.each(Object.entries(SAMPLES))('%s is told by its bytes', async (_name, [bytes, mime, kind]) => {
    expect(await sniffMedia(bytes)).toMatchObject({ mime, kind });
  });

  it.each([
    ['SVG', text('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')],
    ['SVG with a prologue', text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['HTML', text('<!doctype html><script>alert(1)</script>')],
    ['JSON', text('{"error":"not found"}')],
    ['nothing', Buffer.alloc(0)],
    ['a PNG signature and no more', hex('89504e470d0a1a0a')],
  ])('%s is no media', async (_name, bytes) => {
    const media = await sniffMedia(bytes);
    for (const kind of ['image', 'video', 'audio'] as const) expect(fits(kind, media)).toBe(false);
  });

  it('the quick look never disagrees with the thorough one', async () => {
    for (const [bytes] of Object.values(SAMPLES)) {
      const quick = sniffCommonImage(bytes);
      if (quick) expect(await sniffMedia(bytes)).toEqual(quick);
    }
  });

  it('any cut of any sample is survived', async () => {
    for (const [bytes] of Object.values(SAMPLES)) {
      for (let end = 0; end < Math.min(bytes.length, 64); end += 3) await sniffMedia(bytes.subarray(0, end));
    }
  });
});

describe('fits', () => {
  it.each<[MediaKind, string[]]>([
    ['image', ['png', 'apng', 'jpeg', 'webp', 'gif', 'bmp', 'tiff', 'avif']],
    ['video', ['apng', 'webp', 'gif', 'mp4', 'quicktime', 'webm', 'avi']],
    ['audio', ['mp4', 'quicktime', 'm4a', 'webm', 'avi', 'wav', 'mp3', 'flac', 'ogg']],
    ['file', Object.keys(SAMPLES)],
  ])('an input for %s takes %j and nothing else', async (kind, names) => {
    const fitting: string[] = [];
    for (const [name, [bytes]] of Object.entries(SAMPLES)) if (fits(kind, await sniffMedia(bytes))) fitting.push(name);
    expect(fitting).toEqual(names);
  });
});

describe('outputContentType', () => {
  it.each([
    ['x.html', text('<!doctype html>'), 'application/octet-stream'],
    ['x.png', text('<svg/>'), 'application/octet-stream'],
    ['x.html', SAMPLES['png']?.[0] ?? Buffer.alloc(0), 'image/png'],
    ['x.TXT', text('hello'), 'text/plain; charset=utf-8'],
    ['x.json', text('{}'), 'application/json'],
    ['x.svg', text('<svg/>'), 'image/svg+xml'],
    ['x.svg', text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/svg+xml'],
    ['x.html', text('<?xml version="1.0"?><html/>'), 'application/octet-stream'],
    ['x.constructor', text('x'), 'application/octet-stream'],
    ['glb', text('x'), 'application/octet-stream'],
  ])('%s', async (name, bytes, expected) => {
    expect(await outputContentType(name, bytes)).toBe(expected);
  });
});
