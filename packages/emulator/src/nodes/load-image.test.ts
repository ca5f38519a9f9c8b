import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { NODES } from './index.ts';
import type { ImageTensor, MaskTensor, NodeContext } from './node.ts';
import { createTestContext, runNode } from './testing/run-graph.ts';

let context: NodeContext;

beforeAll(async () => {
  const cleanups: (() => Promise<void>)[] = [];
  const { outputDir } = await createTestContext((cleanup) => cleanups.push(cleanup));
  context = await createTestContext((cleanup) => cleanups.push(cleanup), { outputDir });
  const red = await sharp({ create: { width: 4, height: 2, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer();
  await mkdir(path.join(context.inputDir, 'clipspace'));
  await writeFile(path.join(context.inputDir, 'b.png'), red);
  await writeFile(path.join(context.inputDir, 'A.JPG'), red);
  await writeFile(path.join(context.inputDir, 'clipspace/mask.png'), red);
  await writeFile(path.join(context.inputDir, 'notes.txt'), 'not a picture');
  await writeFile(path.join(outputDir, 'made.png'), red);
  return async () => {
    for (const cleanup of cleanups) await cleanup();
  };
});

describe('LoadImage', () => {
  it('gives a picture of floats and, without transparency, an empty mask of 64 by 64', async () => {
    const { outputs } = await runNode('LoadImage', { image: 'b.png' }, context);
    const [image, mask] = outputs as [ImageTensor, MaskTensor];
    expect(image).toMatchObject({ kind: 'image', batch: 1, height: 2, width: 4, channels: 3 });
    expect([...image.data.subarray(0, 3)]).toEqual([1, 0, 0]);
    expect(mask).toMatchObject({ kind: 'mask', batch: 1, height: 64, width: 64 });
    expect(mask.data.every((value) => value === 0)).toBe(true);
  });

  it.each(['clipspace/mask.png', 'clipspace/mask.png [input]', 'made.png [output]'])('finds %s', async (image) => {
    expect(await NODES.get('LoadImage')?.validate?.({ image }, context)).toBe(true);
    expect((await runNode('LoadImage', { image }, context)).outputs).toHaveLength(2);
  });

  it.each(['nope.png', 'made.png', '../b.png', 'b.png [temp] '])('calls %s an invalid image file', async (image) => {
    const verdict = await NODES.get('LoadImage')?.validate?.({ image }, context);
    expect(verdict).toBe(`Invalid image file: ${image}`);
  });

  it('fails at run time when the file has gone or is no picture', async () => {
    const gone = runNode('LoadImage', { image: 'nope.png' }, context);
    await expect(gone).rejects.toMatchObject({ type: 'FileNotFoundError', message: /^\[Errno 2\].*nope\.png'$/ });
    const text = runNode('LoadImage', { image: 'notes.txt' }, context);
    await expect(text).rejects.toMatchObject({ type: 'PIL.UnidentifiedImageError', message: /notes\.txt'$/ });
  });

  it('has another fingerprint when the file has other bytes, and only then', async () => {
    const fingerprint = () => NODES.get('LoadImage')?.fingerprint?.({ image: 'changing' }, context);
    await writeFile(path.join(context.inputDir, 'changing'), 'one');
    const first = await fingerprint();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprint()).toBe(first);
    await writeFile(path.join(context.inputDir, 'changing'), 'two');
    expect(await fingerprint()).not.toBe(first);
  });

  it('offers the pictures of the input folder, LoadImageMask every file', async () => {
    const optionsOf = async (classType: string) => {
      const info = await NODES.get(classType)?.liveInfo?.(context);
      const entry = info?.input?.required?.['image'];
      return Array.isArray(entry) ? entry[0] : undefined;
    };
    expect(await optionsOf('LoadImage')).toEqual(['A.JPG', 'b.png']);
    expect(await optionsOf('LoadImageMask')).toEqual(expect.arrayContaining(['A.JPG', 'b.png', 'notes.txt']));
  });
});
