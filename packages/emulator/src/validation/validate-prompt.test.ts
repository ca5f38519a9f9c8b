// The validator's verdicts against those recorded from ComfyUI 0.3.64, and rules that the record does not show.
import { readFileSync } from 'node:fs';
import {
  type JsonObject,
  type JsonValue,
  LosslessNumber,
  type ObjectInfo,
  parseJson,
  stringifyJson,
} from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { createNodeClasses } from '../node-classes.ts';
import { NODES } from '../nodes/index.ts';
import { PythonError } from '../python/errors.ts';
import { readClassSpec } from './class-spec.pure.ts';
import type { NodeClass } from './validate-node.ts';
import { validatePrompt } from './validate-prompt.ts';

const read = (name: string) => parseJson(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'));
const moreInfo = read('more-object-info.json') as unknown as ObjectInfo;
const dirs = { inputDir: '/nowhere/input', outputDir: '/nowhere/output', tempDir: '/nowhere/temp' };
const known = createNodeClasses({
  nodes: NODES,
  dirs: { ...dirs },
  extra: moreInfo,
});

function findClass(classType: string): NodeClass | undefined {
  const found = known.find(classType);
  if (classType !== 'LoadVideo' || !found) return found;
  // LoadVideo judges its file itself, which object_info does not tell.
  return {
    ...found,
    ownValidator: { inputs: ['file'], validate: (inputs) => Promise.resolve(`Invalid video file: ${inputs['file']}`) },
  };
}

const judge = (prompt: JsonValue, targets?: JsonValue) => validatePrompt({ findClass }, prompt, targets);

interface RecordedCase {
  request: JsonObject | string;
  status: number;
  response: JsonObject;
}

const recorded = Object.entries(read('prompt-errors.json') as unknown as Record<string, RecordedCase>);

/** Traceback lines were cut from the record, and ComfyUI's order of errors within a node is random. */
function comparable(value: unknown): unknown {
  const text = stringifyJson(value as JsonValue);
  return JSON.parse(text, (key, item) => {
    if (key === 'traceback') return [];
    if (key !== 'errors' || !Array.isArray(item)) return item;
    return item.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  });
}

describe('the recorded verdicts', () => {
  const judged = recorded.filter(([, { request }]) => typeof request === 'object' && 'prompt' in request);
  expect(judged.length).toBeGreaterThan(35);

  for (const [name, { request, status, response }] of judged) {
    if (status === 500 || typeof request === 'string') continue;
    it(`gives the same answer as ComfyUI for ${name}`, async () => {
      const verdict = await judge(structuredCloneJson(request['prompt'] ?? null), request['partial_execution_targets']);
      if (status === 200) {
        expect(verdict.kind).toBe('accepted');
        return;
      }
      expect(verdict.kind).toBe('refused');
      const { error, node_errors } = response;
      const shown = verdict.kind === 'refused' ? verdict.error : undefined;
      expect(comparable({ error: sortedLines(shown), node_errors: verdict.nodeErrors })).toEqual(
        comparable({ error: sortedLines(error), node_errors }),
      );
    });
  }

  it('fails like python for a prompt that is no mapping', async () => {
    await expect(judge([1])).rejects.toBeInstanceOf(PythonError);
    await expect(judge(null)).rejects.toBeInstanceOf(PythonError);
  });
});

const structuredCloneJson = (value: JsonValue): JsonValue => parseJson(stringifyJson(value));

function sortedLines(error: unknown): unknown {
  const { details, ...rest } = error as { details: string };
  return { ...rest, details: details.split('\n').sort().join('\n') };
}

const image = (inputs: JsonObject) => ({ class_type: 'EmptyImage', inputs });
const save = (from: string): JsonObject => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: 'p' },
});
const good = { width: 16, height: 16, batch_size: 1, color: 0 };

describe('validatePrompt', () => {
  it('accepts a prompt of which only some outputs are good, and names the faults of the others', async () => {
    const prompt: JsonObject = { '1': image(good), '2': save('1'), '3': image({ ...good, width: 0 }), '4': save('3') };
    const verdict = await judge(prompt);
    expect(verdict).toMatchObject({
      kind: 'accepted',
      outputs: ['2'],
      nodeErrors: {
        '3': { class_type: 'EmptyImage', dependent_outputs: ['4'], errors: [{ type: 'value_smaller_than_min' }] },
      },
    });
  });

  it('blames a faulty node for every failing output judged after it', async () => {
    const prompt: JsonObject = {
      '1': image({ ...good, width: 0 }),
      '2': save('1'),
      '3': image({ ...good, height: 0 }),
      '4': save('3'),
    };
    const verdict = await judge(prompt);
    expect(verdict.nodeErrors['1']?.dependent_outputs).toEqual(['2', '4']);
    expect(verdict.nodeErrors['3']?.dependent_outputs).toEqual(['4']);
  });

  it('writes coerced values back into the prompt as python types', async () => {
    const inputs: JsonObject = { width: ' 1_6 ', height: 16.7, batch_size: true, color: 0 };
    const prompt: JsonObject = {
      '1': image(inputs),
      '2': save('1'),
      '3': { class_type: 'SolidMask', inputs: { value: 1, width: 8, height: 8 } },
    };
    (prompt['2'] as { inputs: JsonObject }).inputs['filename_prefix'] = null;
    const scaled: JsonObject = {
      class_type: 'ImageScaleBy',
      inputs: { image: ['1', 0], upscale_method: 'area', scale_by: 2 },
    };
    await judge({ ...prompt, '4': scaled, '5': save('4') });
    expect(inputs).toEqual({ width: 16, height: 16, batch_size: 1, color: 0 });
    expect((prompt['2'] as { inputs: JsonObject }).inputs['filename_prefix']).toBe('None');
    expect((scaled['inputs'] as JsonObject)['scale_by']).toEqual(new LosslessNumber('2.0'));
  });

  it('takes a negative slot from the end, as python indexes', async () => {
    const prompt: JsonObject = {
      '1': image(good),
      '2': { class_type: 'SaveImage', inputs: { images: ['1', -1], filename_prefix: 'p' } },
    };
    expect((await judge(prompt)).kind).toBe('accepted');
  });

  it('lets NaN pass a range, because it compares false with both ends', async () => {
    const inputs: JsonObject = { image: ['1', 0], upscale_method: 'area', scale_by: 'nan' };
    const prompt: JsonObject = { '1': image(good), '3': { class_type: 'ImageScaleBy', inputs }, '2': save('3') };
    expect((await judge(prompt)).kind).toBe('accepted');
    expect(inputs['scale_by']).toEqual(new LosslessNumber('NaN'));
  });

  it('refuses an integer beyond 64 bits and echoes it exactly', async () => {
    const prompt: JsonObject = { '1': image({ ...good, color: 18446744073709551616n }), '2': save('1') };
    const verdict = await judge(prompt);
    expect(verdict.nodeErrors['1']?.errors[0]).toMatchObject({
      message: 'Value 18446744073709551616 bigger than max of 16777215',
      extra_info: { received_value: 18446744073709551616n },
    });
  });

  it('shows neither the list nor its config when there are more than 20 options', async () => {
    const options = Array.from({ length: 21 }, (_, index) => `model ${index}`);
    const spec = readClassSpec({ input: { required: { name: [options] } }, output_node: true });
    const verdict = await validatePrompt(
      { findClass: () => ({ spec }) },
      { '1': { class_type: 'Loader', inputs: { name: 'other' } } },
    );
    expect(verdict.nodeErrors['1']?.errors[0]).toMatchObject({
      details: "name: 'other' not in (list of length 21)",
      extra_info: { input_config: null },
    });
  });

  it('reports the own faults of nodes in a cycle, and no error for the cycle itself', async () => {
    const invert = (from: string): JsonObject => ({ class_type: 'ImageInvert', inputs: { image: [from, 0] } });
    const prompt: JsonObject = {
      '1': { class_type: 'ImageScaleBy', inputs: { image: ['3', 0], upscale_method: 'zzz', scale_by: 2 } },
      '3': invert('1'),
      '2': save('3'),
    };
    const verdict = await judge(prompt);
    expect(verdict).toMatchObject({ kind: 'refused', error: { details: '' } });
    expect(Object.keys(verdict.nodeErrors)).toEqual(['1']);
  });
});
