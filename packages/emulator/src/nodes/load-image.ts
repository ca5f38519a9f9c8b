// LoadImage and LoadImageMask: pictures enter the graph from the input folder (or output, temp by annotation).
import { decodeFrames } from '../images/decode.ts';
import type { Frame } from '../images/frame.ts';
import { fromBytes, mapSamples, newImage, newMask } from '../images/tensor.ts';
import { PythonError } from '../python/errors.ts';
import { hashInputFile, inputFileExists, listInputFiles, locateInputFile, readInputFile } from './input-file.ts';
import { readText } from './inputs.ts';
import type { ImageTensor, MaskTensor, NodeDefinition, NodeDirectories, NodeInputs } from './node.ts';
import { nodeInfo, withOptions } from './node-info.ts';

/** What a picture without transparency gives as its mask, whatever its size. */
const NO_MASK_SIDE = 64;

const fileInput = {
  validatedInputs: ['image'],
  async fingerprint(inputs: NodeInputs, dirs: NodeDirectories): Promise<string> {
    return await hashInputFile(readText(inputs, 'image'), dirs);
  },
  async validate(inputs: NodeInputs, dirs: NodeDirectories): Promise<true | string> {
    const name = readText(inputs, 'image');
    return (await inputFileExists(name, dirs)) || `Invalid image file: ${name}`;
  },
};

export const loadImage: NodeDefinition = {
  classType: 'LoadImage',
  info: nodeInfo('LoadImage'),
  ...fileInput,
  async liveInfo(dirs) {
    return withOptions(nodeInfo('LoadImage'), 'image', await listInputFiles(dirs, 'images'));
  },
  async run(inputs, context) {
    const frames = await loadFrames(readText(inputs, 'image'), context);
    const [first] = frames;
    const alike = frames.filter((frame) => frame.width === first.width && frame.height === first.height);
    return { outputs: [imageOf(alike), maskOf(alike)] };
  },
};

export const loadImageMask: NodeDefinition = {
  classType: 'LoadImageMask',
  info: nodeInfo('LoadImageMask'),
  ...fileInput,
  async liveInfo(dirs) {
    return withOptions(nodeInfo('LoadImageMask'), 'image', await listInputFiles(dirs, 'all'));
  },
  async run(inputs, context) {
    const [frame] = await loadFrames(readText(inputs, 'image'), context);
    return { outputs: [channelOf(frame, readText(inputs, 'channel'))] };
  },
};

async function loadFrames(name: string, dirs: NodeDirectories): Promise<[Frame, ...Frame[]]> {
  const frames = await decodeFrames(await readInputFile(name, dirs));
  const [first, ...more] = frames ?? [];
  if (first) return [first, ...more];
  const path = locateInputFile(name, dirs) ?? name;
  throw new PythonError('PIL.UnidentifiedImageError', `cannot identify image file '${path}'`);
}

function imageOf(frames: Frame[]): ImageTensor {
  const { width = 0, height = 0 } = frames[0] ?? {};
  const image = newImage({ batch: frames.length, height, width, channels: 3 });
  for (const [index, frame] of frames.entries()) image.data.set(fromBytes(frame.colors), index * width * height * 3);
  return image;
}

function maskOf(frames: Frame[]): MaskTensor {
  const { width = 0, height = 0, alpha } = frames[0] ?? {};
  if (frames.some((frame) => (frame.alpha === undefined) !== (alpha === undefined))) throw mixedMasks();
  if (!alpha) return newMask({ batch: frames.length, height: NO_MASK_SIDE, width: NO_MASK_SIDE });
  const mask = newMask({ batch: frames.length, height, width });
  for (const [index, frame] of frames.entries()) {
    if (frame.alpha) mask.data.set(fromBytes(frame.alpha), index * width * height);
  }
  return mapSamples(mask, (value) => 1 - value);
}

function mixedMasks(): PythonError {
  return new PythonError('RuntimeError', 'Sizes of tensors must match except in dimension 0.');
}

function channelOf(frame: Frame, name: string): MaskTensor {
  const { width, height, colors, alpha } = frame;
  const mask = newMask({ batch: 1, height, width });
  const channel = ['red', 'green', 'blue'].indexOf(name);
  if (channel < 0) {
    // Taken to RGBA first, so a picture without transparency is opaque all over, at its own size.
    if (alpha) mask.data.set(fromBytes(alpha).map((value) => 1 - value));
    return mask;
  }
  for (let pixel = 0; pixel < mask.data.length; pixel += 1) {
    mask.data[pixel] = (colors[pixel * 3 + channel] as number) / 255;
  }
  return mask;
}
