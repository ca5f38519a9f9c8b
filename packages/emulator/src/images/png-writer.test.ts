import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { writePng } from './png-writer.ts';

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * index * 31 + index * 7) % 251);
}

describe('the PNG writer', () => {
  it.each([1, 3, 4])('writes %i channels that read back as they were', async (channels) => {
    const data = noise(13 * 7 * channels);
    const png = await writePng({ width: 13, height: 7, channels, data }, [], 4);
    const read = sharp(png).toColourspace(channels === 1 ? 'b-w' : 'srgb');
    const { data: pixels, info } = await read.raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 13, height: 7, channels });
    expect([...pixels]).toEqual([...data]);
  });

  it('filters rows: a smooth slope takes a fraction of its bytes', async () => {
    const data = Uint8Array.from({ length: 256 * 256 * 3 }, (_, index) => (Math.floor(index / 3) * 3) % 256);
    expect((await writePng({ width: 256, height: 256, channels: 3, data }, [], 1)).length).toBeLessThan(4000);
  });

  it('writes text that Latin-1 cannot hold as an international chunk', async () => {
    const png = await writePng(
      { width: 1, height: 1, channels: 3, data: noise(3) },
      [{ keyword: 'k', text: '日本' }],
      4,
    );
    expect(png.includes(Buffer.from('iTXtk\0\0\0\0\0日本'))).toBe(true);
    expect((await sharp(png).metadata()).width).toBe(1);
  });
});
