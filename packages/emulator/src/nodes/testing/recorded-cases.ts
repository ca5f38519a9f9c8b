// Graphs with the pixels that ComfyUI 0.3.64 gave for them, and the pictures they load. For tests of the nodes.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { TestGraph } from './run-graph.ts';

export interface Pixels {
  width: number;
  height: number;
  /** Three bytes a pixel, base64. */
  rgb: string;
}

export interface RecordedCase {
  name: string;
  /** The largest allowed difference of a byte; 0 where the arithmetic is the same to the last bit. */
  tolerance: number;
  graph: TestGraph;
  images: Pixels[];
}

export interface Recording {
  comfyui: string;
  files: Record<string, string>;
  cases: RecordedCase[];
}

export async function readRecording(): Promise<Recording> {
  const file = new URL('../../../fixtures/recorded-nodes.json', import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')) as Recording;
}

/** The graphs name their pictures `recorded/<file>`. */
export async function writeRecordedFiles({ files }: Recording, inputDir: string): Promise<void> {
  await mkdir(path.join(inputDir, 'recorded'), { recursive: true });
  for (const [name, base64] of Object.entries(files)) {
    await writeFile(path.join(inputDir, 'recorded', name), Buffer.from(base64, 'base64'));
  }
}

export async function readPixels(png: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data.toString('base64') };
}

/** The largest difference of any byte; infinite where the sizes differ. */
export function differenceOf(a: Pixels, b: Pixels): number {
  if (a.width !== b.width || a.height !== b.height) return Number.POSITIVE_INFINITY;
  const left = Buffer.from(a.rgb, 'base64');
  const right = Buffer.from(b.rgb, 'base64');
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  return left.reduce((most, byte, index) => Math.max(most, Math.abs(byte - (right[index] ?? 0))), 0);
}
