// Writes an output of a wanted size instead of a picture: a valid PNG header followed by seeded random bytes, so that
// readers see an image and nothing compresses it. Called by run-graph.ts for the outputBytes fault.
import { createCipheriv, createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findOutputPath } from '../nodes/output-path.ts';
import { TINY_PNG } from '../tiny-images.ts';
import type { UiOutput } from './protocol.ts';

interface Target {
  inputs: Record<string, unknown>;
  outputDir: string;
}

export async function saveRandomBytes(
  { bytes, seed = 0 }: { bytes: number; seed?: number },
  { inputs, outputDir }: Target,
): Promise<UiOutput> {
  const prefix = String(inputs['filename_prefix']);
  const place = await findOutputPath({ prefix, baseDir: outputDir, width: 1, height: 1, now: new Date() });
  const filename = `${place.filename}_${String(place.counter).padStart(5, '0')}_.png`;
  await writeFile(path.join(place.folder, filename), randomPicture(bytes, seed));
  return { images: [{ filename, subfolder: place.subfolder, type: 'output' }] };
}

export function randomPicture(sizeBytes: number, seed: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest().subarray(0, 16);
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
  if (sizeBytes >= TINY_PNG.length) bytes.set(TINY_PNG);
  return bytes;
}
