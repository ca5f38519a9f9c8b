import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeFrames } from './decode.ts';

test('a small file that unpacks to more pixels than Pillow takes is no picture', async () => {
  const picture = { width: 16_000, height: 12_000, channels: 3, background: '#000' } as const;
  const bytes = await sharp({ create: picture, limitInputPixels: false }).toColourspace('b-w').png().toBuffer();
  expect(bytes.length).toBeLessThan(1024 * 1024);
  expect(await decodeFrames(bytes)).toBeUndefined();
});
