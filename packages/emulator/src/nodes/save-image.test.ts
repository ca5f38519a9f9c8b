import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LosslessNumber } from '@comfleet/comfyui';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newImage } from '../images/tensor.ts';
import { createTestContext, runNode } from './testing/run-graph.ts';

const picture = newImage({ batch: 1, height: 3, width: 4, channels: 3 });
const pair = newImage({ batch: 2, height: 3, width: 4, channels: 3 });

function textChunks(png: Buffer): Record<string, string> {
  const texts: Record<string, string> = {};
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const body = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const type = png.toString('latin1', at + 4, at + 8);
    const end = body.indexOf(0);
    const isText = type === 'tEXt' || type === 'iTXt';
    if (isText)
      texts[`${type} ${body.toString('latin1', 0, end)}`] = body.toString('utf8', end + (type === 'tEXt' ? 1 : 5));
  }
  return texts;
}

async function save(prefix: string, given = picture) {
  const context = await createTestContext(onTestFinished);
  const run = async () =>
    (await runNode('SaveImage', { images: given, filename_prefix: prefix }, context)).ui?.['images'];
  return { context, run };
}

describe('SaveImage', () => {
  it('numbers files by prefix, from the highest number found', async () => {
    const { context, run } = await save('cat', pair);
    await writeFile(path.join(context.outputDir, 'cat_00007_.png'), '');
    await writeFile(path.join(context.outputDir, 'cat_00009.png'), '');
    await writeFile(path.join(context.outputDir, 'caterpillar_00050_.png'), '');
    expect(await run()).toEqual([
      { filename: 'cat_00008_.png', subfolder: '', type: 'output' },
      { filename: 'cat_00009_.png', subfolder: '', type: 'output' },
    ]);
    expect(await run()).toMatchObject([{ filename: 'cat_00010_.png' }, { filename: 'cat_00011_.png' }]);
  });

  it('makes the subfolders of the prefix', async () => {
    const { context, run } = await save('a/b/c');
    expect(await run()).toEqual([{ filename: 'c_00001_.png', subfolder: 'a/b', type: 'output' }]);
    expect(await readdir(path.join(context.outputDir, 'a/b'))).toEqual(['c_00001_.png']);
  });

  it('expands size, date and batch number in the prefix', async () => {
    const { run } = await save('%width%x%height%-%year%-%batch_num%', pair);
    const year = new Date().getFullYear();
    expect(await run()).toMatchObject([
      { filename: `4x3-${year}-0_00001_.png` },
      { filename: `4x3-${year}-1_00002_.png` },
    ]);
  });

  it.each(['../x', 'a/../../x', '/etc/x'])('refuses the prefix %s, which leaves the output folder', async (prefix) => {
    const { run } = await save(prefix);
    await expect(run()).rejects.toMatchObject({ type: 'Exception', message: /outside the output folder/ });
  });

  it('does not take a folder beside the output folder for a part of it', async () => {
    const { context } = await save('');
    await mkdir(`${context.outputDir}-other`);
    onTestFinished(() => rm(`${context.outputDir}-other`, { recursive: true }));
    const inputs = { images: picture, filename_prefix: `../${path.basename(context.outputDir)}-other/x` };
    await expect(runNode('SaveImage', inputs, context)).rejects.toMatchObject({ type: 'Exception' });
  });

  it('embeds the graph and the extra information as Python writes JSON', async () => {
    const context = await createTestContext(onTestFinished, {
      prompt: { '1': { inputs: { text: 'é"', cfg: new LosslessNumber('1.0'), seed: 2n ** 63n } } },
      extraPnginfo: { workflow: { nodes: [] } },
    });
    await runNode('SaveImage', { images: picture, filename_prefix: 'x' }, context);
    const texts = textChunks(await readFile(path.join(context.outputDir, 'x_00001_.png')));
    expect(texts).toEqual({
      'tEXt prompt': String.raw`{"1": {"inputs": {"text": "\u00e9\"", "cfg": 1.0, "seed": 9223372036854775808}}}`,
      'tEXt workflow': '{"nodes": []}',
    });
  });

  it('cuts fractions off instead of rounding, and clips', async () => {
    const context = await createTestContext(onTestFinished);
    const image = newImage({ batch: 1, height: 1, width: 2, channels: 3 });
    image.data.set([0.9999, 1.5, -1, 0.5, 100 / 255, Number.NaN]);
    await runNode('SaveImage', { images: image, filename_prefix: 'x' }, context);
    const pixels = await sharp(path.join(context.outputDir, 'x_00001_.png')).raw().toBuffer();
    expect([...pixels]).toEqual([254, 255, 0, 127, 100, 0]);
  });
});

describe('PreviewImage', () => {
  it('saves into the temporary folder under a random name', async () => {
    const context = await createTestContext(onTestFinished);
    const { ui } = await runNode('PreviewImage', { images: picture }, context);
    expect(ui).toEqual({
      images: [{ filename: expect.stringMatching(/^ComfyUI_temp_[a-z]{5}_00001_\.png$/), subfolder: '', type: 'temp' }],
    });
    expect(await readdir(context.tempDir)).toHaveLength(1);
  });
});

describe('SaveImageWebsocket', () => {
  it('sends each picture as a PNG and reports nothing', async () => {
    const sent: Uint8Array[] = [];
    const steps: number[][] = [];
    const context = await createTestContext(onTestFinished, {
      sendImage: (png) => sent.push(png),
      progress: (value, max) => steps.push([value, max]),
    });
    expect(await runNode('SaveImageWebsocket', { images: pair }, context)).toEqual({ outputs: [] });
    expect(sent.map((png) => [...png.subarray(1, 4)])).toEqual([
      [80, 78, 71],
      [80, 78, 71],
    ]);
    expect(steps).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });
});
