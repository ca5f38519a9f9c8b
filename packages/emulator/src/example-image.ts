// example.png, which ComfyUI ships in its input folder: graphs of LoadImage work on a fresh server. Written at the first
// start; the picture is drawn here, a sky over hills.
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writePng } from './images/png-writer.ts';

const SIZE = 320;
const COMPRESSION_LEVEL = 6;

export async function ensureExampleImage(inputDir: string): Promise<void> {
  const file = path.join(inputDir, 'example.png');
  const exists = await access(file).then(
    () => true,
    () => false, // not there yet, or not readable: writing it tells
  );
  if (exists) return;
  const picture = { width: SIZE, height: SIZE, channels: 3, data: draw() };
  await writeFile(file, await writePng(picture, [], COMPRESSION_LEVEL));
}

function draw(): Uint8Array {
  const pixels = new Uint8Array(SIZE * SIZE * 3);
  for (let y = 0; y < SIZE; y += 1) {
    for (let x = 0; x < SIZE; x += 1) pixels.set(colorAt(x / SIZE, y / SIZE), (y * SIZE + x) * 3);
  }
  return pixels;
}

function colorAt(x: number, y: number): [number, number, number] {
  const sunDistance = Math.hypot(x - 0.7, y - 0.28);
  if (y > 0.8 + 0.06 * Math.sin(x * 9 + 2)) return shade([38, 70, 83], 1.25 - 0.5 * y);
  if (y > 0.62 + 0.09 * Math.sin(x * 5)) return shade([42, 125, 110], 1.3 - 0.5 * y);
  if (sunDistance < 0.09) return [255, 236, 179];
  const glow = Math.max(0, 1 - sunDistance * 1.8);
  return [mix(88, 250, y * 0.6 + glow * 0.4), mix(120, 190, y * 0.7 + glow * 0.3), mix(190, 150, y)];
}

const mix = (from: number, to: number, share: number) => Math.round(from + (to - from) * Math.min(1, share));

function shade([red, green, blue]: [number, number, number], factor: number): [number, number, number] {
  return [Math.round(red * factor), Math.round(green * factor), Math.round(blue * factor)];
}
