// What the recorded graphs do not show: failures, values that are not pictures, and the object_info entries.
import { LosslessNumber, stringifyJson } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { newImage, newMask } from '../images/tensor.ts';
import { NODES } from './index.ts';
import { runNode } from './testing/run-graph.ts';

const picture = newImage({ batch: 1, height: 4, width: 6, channels: 3 });
const large = newImage({ batch: 1, height: 8, width: 9, channels: 3 });

describe('the node list', () => {
  it('carries object_info entries under their own names, numbers as ComfyUI writes them', () => {
    for (const [classType, node] of NODES) {
      expect(node.classType).toBe(classType);
      expect(node.info.name).toBe(classType);
    }
    expect(stringifyJson(NODES.get('PrimitiveInt')?.info.input?.required?.['value'] ?? null)).toBe(
      '["INT",{"min":-9223372036854775807,"max":9223372036854775807,"control_after_generate":true}]',
    );
    expect(stringifyJson(NODES.get('ImageScaleBy')?.info.input?.required?.['scale_by'] ?? null)).toBe(
      '["FLOAT",{"default":1.0,"min":0.01,"max":8.0,"step":0.01}]',
    );
  });

  it('gives as many outputs as each entry declares', () => {
    expect(NODES.get('LoadImage')?.info.output).toEqual(['IMAGE', 'MASK']);
    expect([...NODES.values()].filter((node) => node.info.output_node).map((node) => node.classType)).toEqual([
      'SaveImage',
      'PreviewImage',
      'PreviewAny',
      'SaveImageWebsocket',
    ]);
  });
});

describe('primitive nodes', () => {
  it.each([
    { classType: 'PrimitiveInt', value: 9007199254740993n },
    { classType: 'PrimitiveFloat', value: new LosslessNumber('1.0') },
    { classType: 'PrimitiveString', value: 'a' },
    { classType: 'PrimitiveStringMultiline', value: 'a\nb' },
    { classType: 'PrimitiveBoolean', value: false },
  ])('$classType hands its value on unchanged', async ({ classType, value }) => {
    expect((await runNode(classType, { value })).outputs).toEqual([value]);
  });

  it('feed numbers of any form to the nodes', async () => {
    const inputs = { width: 2n, height: new LosslessNumber('3.0'), batch_size: 1, color: 255 };
    const [image] = (await runNode('EmptyImage', inputs)).outputs;
    expect(image).toMatchObject({ width: 2, height: 3 });
  });
});

describe('PreviewAny', () => {
  it.each([
    { source: 'text', shown: 'text' },
    { source: null, shown: 'None' },
    { source: true, shown: 'True' },
    { source: 3, shown: '3' },
    { source: new LosslessNumber('3.0'), shown: '3.0' },
    { source: ['1', 2.5], shown: '["1", 2.5]' },
    { source: { a: null }, shown: '{"a": null}' },
  ])('shows a value as $shown', async ({ source, shown }) => {
    expect((await runNode('PreviewAny', { source })).ui).toEqual({ text: [shown] });
  });

  it('shows tensors as torch prints them', async () => {
    const small = newMask({ batch: 1, height: 2, width: 2 });
    small.data.set([0, 0.5, 1, 0.25]);
    const wide = newMask({ batch: 1, height: 40, width: 40 });
    const shown = async (source: unknown) => (await runNode('PreviewAny', { source })).ui?.['text']?.[0];
    expect(await shown(small)).toBe('tensor([[[0.0000, 0.5000],\n         [1.0000, 0.2500]]])');
    const row = '[0., 0., 0.,  ..., 0., 0., 0.]';
    expect(await shown(newMask({ batch: 1, height: 0, width: 2 }))).toBe('tensor([], size=(1, 0, 2))');
    const rows = [row, row, row, '...', row, row, row].join(',\n         ');
    expect(await shown(wide)).toBe(`tensor([[${rows}]])`);
  });
});

describe('a node that cannot do its work fails as it does in ComfyUI', () => {
  const padding = { left: 0, top: 0, right: 0, bottom: 0, feathering: 1 };
  const nothing = newImage({ batch: 1, height: 7, width: 0, channels: 3 });
  const none = newImage({ batch: 0, height: 7, width: 8, channels: 3 });
  const composite = { destination: picture, source: large, x: -1, y: 0, resize_source: false };
  it.each([
    [
      'ImageBlur',
      { image: picture, blur_radius: 5, sigma: 1 },
      'RuntimeError',
      /^Argument #6: Padding size should be less.*dimension 2 of input \[1, 3, 4, 6\]$/,
    ],
    [
      'ImageScale',
      { image: picture, upscale_method: 'bicubic', width: 3, height: -1, crop: 'disabled' },
      'RuntimeError',
      /greater than 0/,
    ],
    [
      'ImageBlend',
      { image1: picture, image2: picture, blend_factor: 1, blend_mode: 'burn' },
      'ValueError',
      /blend mode: burn/,
    ],
    ['ImageToMask', { image: picture, channel: 'alpha' }, 'IndexError', /^index 3 is out of bounds/],
    ['ImageCompositeMasked', composite, 'RuntimeError', /^The size of tensor a \(6\) must match/],
    ['ImageScaleBy', { image: picture, upscale_method: 'lanczos', scale_by: 0.01 }, 'ValueError', /must be > 0/],
    ['EmptyImage', { width: -5, height: 7 }, 'RuntimeError', /negative dimension -5: \[1, 7, -5, 3\]$/],
    ['SolidMask', { width: 2, height: -1, value: 1 }, 'RuntimeError', /negative dimension -1: \[1, -1, 2\]$/],
    ['SaveImage', { images: nothing, filename_prefix: 'x' }, 'ValueError', /^cannot write empty image$/],
    ['SaveImage', { images: none, filename_prefix: 'x' }, 'IndexError', /^index 0 is out of bounds/],
    [
      'ImagePadForOutpaint',
      { image: picture, ...padding, left: -5 },
      'RuntimeError',
      /\(1\).*\(6\).*dimension 2\. {2}Target sizes: \[1, 4, 1, 3\]\. {2}Tensor sizes: \[4, 6, 3\]$/,
    ],
    ['ImageInvert', {}, 'TypeError', /'image'/],
    ['ImageInvert', { image: 'text' }, 'TypeError', /'image'/],
    [
      'SaveImage',
      { images: newMask({ batch: 1, height: 1, width: 1 }), filename_prefix: 'x' },
      'TypeError',
      /'images'/,
    ],
  ])('%s (case %#)', async (classType, inputs, type, message) => {
    await expect(runNode(classType, inputs)).rejects.toMatchObject({ type, message: expect.stringMatching(message) });
  });
});

describe('ImageCrop', () => {
  it('counts a negative position, which only a link can bring, from the far end', async () => {
    const image = newImage({ batch: 1, height: 1, width: 6, channels: 3 });
    image.data.set(Array.from({ length: 18 }, (_, index) => Math.floor(index / 3)));
    const [out] = (await runNode('ImageCrop', { image, x: -5, y: 0, width: 3, height: 1 })).outputs as [typeof picture];
    expect([...out.data.filter((_, index) => index % 3 === 0)]).toEqual([1, 2, 3]);
  });
});

describe('nodes leave their inputs alone', () => {
  it('because the cache keeps them for other nodes', async () => {
    const destination = newImage({ batch: 1, height: 4, width: 6, channels: 3 });
    const source = newImage({ batch: 1, height: 2, width: 2, channels: 3 });
    source.data.fill(1);
    const inputs = { destination, source, x: 1, y: 1, resize_source: false };
    const [out] = (await runNode('ImageCompositeMasked', inputs)).outputs as [typeof picture];
    expect(destination.data.every((value) => value === 0)).toBe(true);
    expect(out.data.reduce((sum, value) => sum + value, 0)).toBe(12);
  });
});
