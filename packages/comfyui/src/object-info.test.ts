import { expect, test } from 'vitest';
import { readFixtureInfo } from '../testing/fixture-info.ts';
import { findNodeInfo, isCustomNode, listInputs, mediaKind, type NodeInfo } from './object-info.ts';

const info = readFixtureInfo();

test('both notations of a combo are read alike', () => {
  const old: NodeInfo = { input: { required: { mode: [['a', 'b'], { tooltip: 'x' }] } } };
  const v3: NodeInfo = { input: { required: { mode: ['COMBO', { options: ['a', 'b'] }] } } };
  expect(listInputs(old)).toMatchObject([{ name: 'mode', type: 'COMBO', options: ['a', 'b'], isOldCombo: true }]);
  expect(listInputs(v3)).toMatchObject([{ name: 'mode', type: 'COMBO', options: ['a', 'b'], isOldCombo: false }]);
});

test('inputs come in the order that input_order gives, with forgotten ones at the end', () => {
  const node: NodeInfo = {
    input: { required: { b: ['INT'], a: ['INT'], z: ['INT'] }, optional: { c: ['INT'] } },
    input_order: { required: ['a', 'b', 'gone'], optional: ['c'] },
  };
  expect(listInputs(node).map(({ name, category }) => `${category}.${name}`)).toEqual([
    'required.a',
    'required.b',
    'required.z',
    'optional.c',
  ]);
});

test('malformed entries are tolerated', () => {
  const node = { input: { required: { a: null, b: [], c: [5], d: ['INT', null], e: 'INT' }, optional: null } };
  expect(listInputs(node as unknown as NodeInfo).map(({ name, type }) => `${name}:${type}`)).toEqual([
    'a:',
    'b:',
    'c:',
    'd:INT',
    'e:',
  ]);
  expect(listInputs({})).toEqual([]);
});

test('inputs that want an upload tell its kind', () => {
  const kinds = Object.entries(info).flatMap(([name, node]) =>
    listInputs(node).flatMap((spec) =>
      mediaKind(spec) === undefined ? [] : [`${name}.${spec.name} ${mediaKind(spec)}`],
    ),
  );
  expect(kinds.sort()).toEqual([
    'Load3D.model_file file',
    'LoadAudio.audio audio',
    'LoadImage.image image',
    'LoadImageOutput.image image',
    'LoadVideo.file video',
  ]);
});

test('a class named like a member of every object is not known', () => {
  expect(findNodeInfo(info, 'constructor')).toBeUndefined();
  expect(findNodeInfo(info, '__proto__')).toBeUndefined();
  expect(findNodeInfo(info, 'SaveImage')).toBeDefined();
});

test('only classes from outside ComfyUI count as custom', () => {
  expect(isCustomNode({ python_module: 'nodes' })).toBe(false);
  expect(isCustomNode({ python_module: 'comfy_extras.nodes_mask' })).toBe(false);
  expect(isCustomNode({ python_module: 'custom_nodes.pack' })).toBe(true);
  expect(isCustomNode({})).toBe(true);
});
