import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseJson } from './json.ts';
import { canInterruptByPrompt, decodeSystemStats, keepsPromptId } from './system-stats.ts';

const recorded = parseJson(readFileSync(new URL('../fixtures/system-stats.json', import.meta.url), 'utf8'));

test('recorded stats give version, memory and device, and not the command line', () => {
  const stats = decodeSystemStats(recorded);
  expect(stats).toMatchObject({ comfyuiVersion: '0.3.64', ramTotalBytes: 25276514304, devices: [{ name: 'cpu' }] });
  expect(JSON.stringify(stats)).not.toContain('--listen');
});

test('sizes that cannot be are absent, and a missing device list is empty', () => {
  const system = { comfyui_version: 3, ram_total: -1, ram_free: 'lots' };
  expect(decodeSystemStats({ system })).toMatchObject({
    comfyuiVersion: undefined,
    ramTotalBytes: undefined,
    ramFreeBytes: undefined,
    devices: [],
  });
  expect(decodeSystemStats({ system, devices: [7, { vram_total: -5 }] })?.devices).toMatchObject([
    { vramTotalBytes: undefined },
  ]);
});

test('an answer without a system is none', () => {
  for (const value of [null, [], {}, { system: [] }]) expect(decodeSystemStats(value)).toBeUndefined();
});

test('versions are compared by their numbers', () => {
  expect(['0.3.9', '0.3.44', '0.3.45', '0.3.64', '0.10.0', 'v1'].map(keepsPromptId)).toEqual([
    false,
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(['0.3.56', '0.3.57', '0.4', '1.0.0-rc1'].map(canInterruptByPrompt)).toEqual([false, true, true, true]);
});
