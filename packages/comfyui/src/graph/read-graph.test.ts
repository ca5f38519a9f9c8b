import { expect, test } from 'vitest';
import { makeImageGraph, readFixtureInfo } from '../../testing/fixture-info.ts';
import { LosslessNumber } from '../json.ts';
import type { ObjectInfo } from '../object-info.ts';
import { fingerprint } from './fingerprint.ts';
import { matchTypes } from './links.ts';
import { listMediaInputs } from './media-inputs.ts';
import { listModels } from './models.ts';
import type { Graph } from './parse.ts';
import { pruneGraph } from './prune.ts';
import { listSavePrefixes } from './save-prefixes.ts';

const info = readFixtureInfo();

test('media inputs are found by the flags of object_info, whatever they hold as text', () => {
  const graph: Graph = {
    '1': { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    '2': { class_type: 'LoadAudio', inputs: { audio: { __value__: 'https://example.com/a.wav' } } },
    '3': { class_type: 'LoadVideo', inputs: { file: ['1', 0] } },
    '4': { class_type: 'Load3D', inputs: { model_file: 5, width: 1 } },
    '5': { class_type: 'Unknown', inputs: { image: 'a.png' } },
    '6': { class_type: 'CLIPTextEncode', inputs: { text: 'https://example.com/belongs-to-the-node' } },
  };
  expect(listMediaInputs(graph, info)).toEqual([
    { nodeId: '1', name: 'image', kind: 'image', value: 'a.png' },
    { nodeId: '2', name: 'audio', kind: 'audio', value: 'https://example.com/a.wav' },
  ]);
});

test('models are named with their folder, the heavy ones first', () => {
  const graph: Graph = {
    '1': { class_type: 'LoraLoader', inputs: { lora_name: 'style.safetensors' } },
    '2': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'sd15.safetensors' } },
    '3': { class_type: 'CLIPTextEncode', inputs: { text: 'a cat, (embedding:good:1.2), v1.0' } },
    '4': {
      class_type: 'PackLoader',
      inputs: { unet: 'flux.gguf', other: 'known.safetensors', again: 'sd15.safetensors' },
    },
    '5': { class_type: 'UpscaleModelLoader', inputs: { model_name: ['1', 0] } },
  };
  const listed: ObjectInfo = {
    ...info,
    UpscaleModelLoader: { input: { required: { model_name: [['known.safetensors'], {}] } } },
  };
  expect(listModels(graph, listed)).toEqual([
    'checkpoints/sd15.safetensors',
    'upscale_models/known.safetensors',
    'loras/style.safetensors',
    'embeddings/good',
    'models/flux.gguf',
    'models/sd15.safetensors',
  ]);
});

test('file prefixes are read as ComfyUI reads them; one that comes by a link is left alone', () => {
  const graph: Graph = {
    '1': { class_type: 'SaveImage', inputs: { filename_prefix: 'a/b' } },
    '2': { class_type: 'VHS_VideoCombine', inputs: { filename_prefix: new LosslessNumber('5.0') } },
    '3': { class_type: 'SaveImage', inputs: { filename_prefix: ['9', 0] } },
    '4': { class_type: 'SaveImage', inputs: {} },
  };
  expect(listSavePrefixes(graph)).toEqual([
    { nodeId: '1', name: 'filename_prefix', value: 'a/b' },
    { nodeId: '2', name: 'filename_prefix', value: '5.0' },
  ]);
});

test('only what outputs need is kept, through undeclared inputs too, and cycles end', () => {
  expect(Object.keys(pruneGraph(makeImageGraph(), info))).toEqual(['1', '2', '3', '4', '5']);
  const graph = makeImageGraph();
  if (graph['5'] !== undefined) graph['5'].inputs['extra'] = { __value__: ['9', 0] };
  if (graph['1'] !== undefined) graph['1'].inputs['back'] = ['5', 0];
  expect(Object.keys(pruneGraph(graph, info))).toEqual(['1', '2', '3', '4', '5', '9']);
  expect(pruneGraph({ '1': { class_type: 'EmptyImage', inputs: {} } }, info)).toEqual({});
});

test('a fingerprint is the same for another order and title, and another for any other value', () => {
  const graph = makeImageGraph();
  const shuffled: Graph = {};
  for (const [nodeId, node] of Object.entries(graph).reverse()) {
    shuffled[nodeId] = {
      class_type: node.class_type,
      inputs: Object.fromEntries(Object.entries(node.inputs).reverse()),
    };
  }
  expect(fingerprint(shuffled)).toBe(fingerprint(graph));
  expect(fingerprint(graph)).toMatch(/^[0-9a-f]{64}$/);
  const others = [{ color: 1 }, { color: '0' }, { colors: 0 }, { color: 0, x: null }].map((inputs) =>
    fingerprint({ ...graph, '9': { class_type: 'EmptyImage', inputs } }),
  );
  expect(new Set([...others, fingerprint(graph)]).size).toBe(5);
});

test.each([
  ['IMAGE', 'IMAGE', 'yes'],
  ['MASK', 'IMAGE', 'no'],
  ['INT', 'FLOAT', 'no'],
  ['INT', 'INT,FLOAT', 'yes'],
  ['INT, MASK', 'FLOAT,MASK', 'yes'],
  ['*', 'IMAGE', 'maybe'],
  ['IMAGE', '*', 'maybe'],
  ['*', '*', 'yes'],
  ['STRING', ['a'], 'no'],
  [['a'], ['a'], 'yes'],
  [['a'], ['b'], 'no'],
  [['a'], 'STRING', 'no'],
  [['a'], '*', 'maybe'],
  ['IMAGE', 'COMFY_MATCHTYPE_V3', 'yes'],
  ['COMFY_MATCHTYPE_V3', 'IMAGE', 'yes'],
  [undefined, 'IMAGE', 'maybe'],
] as const)('an output of type %s feeds an input of type %s: %s', (received, wanted, expected) => {
  expect(matchTypes(Array.isArray(received) ? [...received] : (received as string | undefined), wanted)).toBe(expected);
});
