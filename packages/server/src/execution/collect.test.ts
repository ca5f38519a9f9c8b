// What may be told of outputs that could not be had.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StorageError } from '../files/storage.ts';
import { createDiskStore } from '../files/stores/disk.ts';
import type { Instance } from '../instances/fleet.ts';
import { createCollector } from './collect.ts';

async function finishWith(error: Error) {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-collect-'));
  try {
    const store = {
      storage: createDiskStore({ dir }),
      newId: () => 'n',
      maxFileBytes: 1_000,
      transferMs: 1_000,
      patienceMs: 0,
    };
    const instance = { id: 'i', folders: undefined } as unknown as Instance;
    const collector = createCollector({ store, instance, requestId: 'r', folder: 'r' });
    const outputs = new Map([['1', { images: [{ filename: 'a.png', subfolder: '', type: 'output' }] }]]);
    return await collector.finish(outputs, { cached: new Set(['1']), find: () => Promise.reject(error) });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

it('what the storage says is told, what anything else says is not', async () => {
  const full = new StorageError('[disk] no room left', { kind: 'full' });
  expect(await finishWith(full)).toEqual({ kind: 'failed', reason: '[disk] no room left', isUnfit: false });
  const fault = new TypeError('select secret from tokens');
  await expect(finishWith(fault)).rejects.toBe(fault);
});
