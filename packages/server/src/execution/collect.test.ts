// What may be told of outputs that could not be had.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComfyError } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { StorageError } from '../files/storage.ts';
import { createDiskStore } from '../files/stores/disk.ts';
import type { Instance } from '../instances/fleet.ts';
import { type Collector, createCollector } from './collect.ts';

async function withCollector<T>(instance: Partial<Instance>, act: (collector: Collector) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-collect-'));
  try {
    const store = {
      storage: createDiskStore({ dir }),
      newId: () => 'n',
      maxFileBytes: 1_000,
      transferMs: 1_000,
      patienceMs: 0,
    };
    const whole = { id: 'i', folders: undefined, ...instance } as Instance;
    return await act(createCollector({ store, instance: whole, requestId: 'r', folder: 'r' }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const nameFiles = (count: number) =>
  new Map([['1', { images: Array.from({ length: count }, (_, n) => ({ filename: `${n}.png` })) }]]);

async function finishWith(error: Error) {
  const earlier = { cached: new Set(['1']), find: () => Promise.reject(error) };
  return await withCollector({}, (collector) => collector.finish(nameFiles(1), earlier));
}

it('what the storage says is told, what anything else says is not', async () => {
  const full = new StorageError('[disk] no room left', { kind: 'full' });
  expect(await finishWith(full)).toEqual({ kind: 'failed', reason: '[disk] no room left', isUnfit: false });
  const fault = new TypeError('select secret from tokens');
  await expect(finishWith(fault)).rejects.toBe(fault);
});

it('an instance that names any number of files is not asked for all of them', async () => {
  let asked = 0;
  const view = async () => {
    asked += 1;
    throw new ComfyError('status', 'it is not there', { status: 404 });
  };
  const instance = { connection: { client: { view } } } as unknown as Instance;
  const earlier = { cached: new Set<string>(), find: async () => undefined };
  const collected = await withCollector(instance, (collector) => collector.finish(nameFiles(25_000), earlier));
  expect(collected).toEqual({ kind: 'failed', reason: 'more than 20000 files were named', isUnfit: true });
  expect(asked).toBe(20_000);
});
