// Every node against the pixels recorded from ComfyUI itself.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NodeContext } from './node.ts';
import { differenceOf, readPixels, readRecording, writeRecordedFiles } from './testing/recorded-cases.ts';
import { createTestContext, runGraph } from './testing/run-graph.ts';

const recording = await readRecording();
let context: NodeContext;

beforeAll(async () => {
  let remove = async () => {};
  context = await createTestContext((cleanup) => {
    remove = cleanup;
  });
  await writeRecordedFiles(recording, context.inputDir);
  return remove;
});

describe('the nodes give the pixels that ComfyUI gives', () => {
  it.each(recording.cases)('$name', async ({ graph, images, tolerance }) => {
    const saved = (await runGraph(graph, context)).get('save')?.ui?.['images'] as { filename: string }[];
    expect(saved).toHaveLength(images.length);
    for (const [index, expected] of images.entries()) {
      const png = await readFile(path.join(context.outputDir, saved[index]?.filename ?? ''));
      expect(differenceOf(await readPixels(png), expected)).toBeLessThanOrEqual(tolerance);
    }
  });
});
