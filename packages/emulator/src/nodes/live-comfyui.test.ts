// The recorded graphs against a running ComfyUI: shows whether the recording still holds for the version it runs.
// Runs only when COMFYUI_URL names one.
import { beforeAll, describe, expect, it } from 'vitest';
import { differenceOf, readPixels, readRecording } from './testing/recorded-cases.ts';
import type { TestGraph } from './testing/run-graph.ts';

const url = process.env['COMFYUI_URL'] ?? '';
const recording = await readRecording();

interface HistoryEntry {
  outputs: Record<string, { images: Record<string, string>[] }>;
  status: { status_str: string };
}

async function upload(name: string, base64: string): Promise<void> {
  const form = new FormData();
  form.set('image', new Blob([Buffer.from(base64, 'base64')]), name);
  form.set('subfolder', 'recorded');
  form.set('overwrite', 'true');
  const answer = await fetch(`${url}/upload/image`, { method: 'POST', body: form });
  expect(answer.status).toBe(200);
}

async function runThere(graph: TestGraph): Promise<Buffer[]> {
  const queued = await fetch(`${url}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: graph }) });
  const { prompt_id: promptId } = (await queued.json()) as { prompt_id: string };
  let entry: HistoryEntry | undefined;
  await expect
    .poll(
      async () => {
        const history = await fetch(`${url}/history/${promptId}`);
        entry = ((await history.json()) as Record<string, HistoryEntry>)[promptId];
        return entry?.status.status_str;
      },
      { timeout: 15_000, interval: 10 },
    )
    .toBe('success');
  const images = entry?.outputs['save']?.images ?? [];
  return await Promise.all(
    images.map(async (image) => {
      const answer = await fetch(`${url}/view?${new URLSearchParams(image)}`);
      return Buffer.from(await answer.arrayBuffer());
    }),
  );
}

describe.runIf(url !== '')('ComfyUI still gives the recorded pixels', () => {
  beforeAll(async () => {
    for (const [name, base64] of Object.entries(recording.files)) await upload(name, base64);
  });

  it.each(recording.cases)('$name', async ({ graph, images, tolerance }) => {
    const pngs = await runThere(graph);
    expect(pngs).toHaveLength(images.length);
    for (const [index, expected] of images.entries()) {
      const png = pngs[index];
      if (png) expect(differenceOf(await readPixels(png), expected)).toBeLessThanOrEqual(tolerance);
    }
  });
});
