// SaveImage, PreviewImage and SaveImageWebsocket: pictures leave the graph as PNG files or as binary frames.
import { randomInt, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type PngText, writePng } from '../images/png-writer.ts';
import { frameOf, toBytes } from '../images/tensor.ts';
import { dumps } from '../python/dumps.pure.ts';
import { PythonError } from '../python/errors.ts';
import { readImage, readText } from './inputs.ts';
import type { ImageTensor, NodeContext, NodeDefinition, NodeResult } from './node.ts';
import { nodeInfo } from './node-info.ts';
import { findOutputPath } from './output-path.ts';

const SAVE_LEVEL = 4;
const PREVIEW_LEVEL = 1;
// ComfyUI's own set, which lacks the w.
const PREVIEW_LETTERS = 'abcdefghijklmnopqrstupvxyz';

export const saveImage: NodeDefinition = {
  classType: 'SaveImage',
  info: nodeInfo('SaveImage'),
  async run(inputs, context) {
    const prefix = 'filename_prefix' in inputs ? readText(inputs, 'filename_prefix') : 'ComfyUI';
    const target = { baseDir: context.outputDir, type: 'output', prefix, level: SAVE_LEVEL };
    return await saveBatch(readImage(inputs, 'images'), target, context);
  },
};

export const previewImage: NodeDefinition = {
  classType: 'PreviewImage',
  info: nodeInfo('PreviewImage'),
  async run(inputs, context) {
    const letters = Array.from({ length: 5 }, () => PREVIEW_LETTERS[randomInt(PREVIEW_LETTERS.length)]).join('');
    const target = { baseDir: context.tempDir, type: 'temp', prefix: `ComfyUI_temp_${letters}`, level: PREVIEW_LEVEL };
    return await saveBatch(readImage(inputs, 'images'), target, context);
  },
};

export const saveImageWebsocket: NodeDefinition = {
  classType: 'SaveImageWebsocket',
  info: nodeInfo('SaveImageWebsocket'),
  // Nothing of a run is kept to be shown again, so it is never taken from the cache.
  fingerprint: async () => randomUUID(),
  async run(inputs, context) {
    const images = readImage(inputs, 'images');
    for (let index = 0; index < images.batch; index += 1) {
      context.sendImage?.(await writePng(pictureOf(images, index), [], PREVIEW_LEVEL));
      context.progress(index + 1, images.batch);
    }
    return { outputs: [] };
  },
};

interface Target {
  baseDir: string;
  type: string;
  prefix: string;
  level: number;
}

async function saveBatch(images: ImageTensor, target: Target, context: NodeContext): Promise<NodeResult> {
  const { width, height } = images;
  if (images.batch === 0) throw new PythonError('IndexError', 'index 0 is out of bounds for dimension 0 with size 0');
  const { prefix, baseDir } = target;
  const { folder, subfolder, filename, counter } = await findOutputPath({
    ...{ prefix, baseDir, width, height },
    now: new Date(),
  });
  const texts = metadataTexts(context);
  const results: unknown[] = [];
  for (let index = 0; index < images.batch; index += 1) {
    const name = filename.replaceAll('%batch_num%', String(index));
    const file = `${name}_${String(counter + index).padStart(5, '0')}_.png`;
    await writeFile(path.join(folder, file), await writePng(pictureOf(images, index), texts, target.level));
    results.push({ filename: file, subfolder, type: target.type });
  }
  return { outputs: [], ui: { images: results } };
}

function pictureOf(images: ImageTensor, index: number) {
  const { width, height, channels } = images;
  if (width === 0 || height === 0) throw new PythonError('ValueError', 'cannot write empty image');
  return { width, height, channels, data: toBytes(frameOf(images, index)) };
}

function metadataTexts({ prompt, extraPnginfo }: NodeContext): PngText[] {
  const texts = prompt === undefined || prompt === null ? [] : [{ keyword: 'prompt', text: dumps(prompt) }];
  for (const [keyword, value] of Object.entries(extraPnginfo ?? {})) texts.push({ keyword, text: dumps(value) });
  return texts;
}
