import type { ObjectInfo } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { checkPlace } from './preflight.pure.ts';

const save = { input: { required: { images: ['IMAGE'] } }, output_node: true, output: [], python_module: 'nodes' };
const loader = (files: string[]) => ({
  input: { required: { ckpt_name: [files] } },
  output: ['MODEL', 'CLIP', 'VAE'],
  python_module: 'nodes',
});
const toImage = {
  input: { required: { model: ['MODEL'] } },
  output: ['IMAGE'],
  python_module: 'custom_nodes.fancy-pack',
};
const GRAPH = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'a.safetensors' } },
  '2': { class_type: 'Fancy', inputs: { model: ['1', 0] } },
  '3': { class_type: 'SaveIt', inputs: { images: ['2', 0] } },
};
const INFO: ObjectInfo = { CheckpointLoaderSimple: loader(['a.safetensors']), Fancy: toImage, SaveIt: save };

it('a place that has everything lacks nothing', () => {
  expect(checkPlace(GRAPH, INFO, { source: 'instance', instanceId: 'i1', info: INFO })).toEqual({
    source: 'instance',
    instance_id: 'i1',
    ok: true,
    missing_nodes: [],
    missing_models: [],
    findings: [],
  });
});

it('names a missing class with the pack it came from, and a missing model with its folder', () => {
  const info: ObjectInfo = { CheckpointLoaderSimple: loader(['b.safetensors']), SaveIt: save };
  const check = checkPlace(GRAPH, INFO, { source: 'instance', info });
  expect(check).toMatchObject({
    ok: false,
    missing_nodes: [{ class_type: 'Fancy', node_ids: ['2'] }],
    missing_models: [{ node_id: '1', input: 'ckpt_name', file: 'a.safetensors', folder: 'checkpoints' }],
    findings: [],
  });
  expect(check.missing_nodes[0]?.remedy).toContain('"fancy-pack"');
  expect(check.missing_models[0]?.remedy).toContain('models/checkpoints');
});

it('says of a class of ComfyUI itself that ComfyUI is too old there, and what it does not know', () => {
  const info: ObjectInfo = { Fancy: toImage, SaveIt: save };
  expect(checkPlace(GRAPH, INFO, { source: 'instance', info }).missing_nodes[0]?.remedy).toContain('update ComfyUI');
  expect(checkPlace(GRAPH, {}, { source: 'version', info: {} }).missing_nodes[1]?.remedy).toContain('ComfyUI-Manager');
});
