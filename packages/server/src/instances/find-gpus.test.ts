import type { ComfyClient, SystemStats } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { createLog } from '../telemetry/log.ts';
import { describeGpus, findGpus } from './find-gpus.ts';
import type { Instance } from './instance.ts';

async function gpusOf(devices: Partial<SystemStats['devices'][number]>[] | Error) {
  const systemStats = async () => {
    if (devices instanceof Error) throw devices;
    return { devices } as SystemStats;
  };
  const client = { systemStats } as Partial<ComfyClient>;
  const instance = { id: 'i', connection: { client }, gpus: undefined } as unknown as Instance;
  await findGpus(createLog('silent'), instance);
  return instance.gpus;
}

it.each([
  ['cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync', 'cuda', 'NVIDIA GeForce RTX 4090 has 23.6 GiB of VRAM'],
  ['cuda:1 Quadro P600 : native', 'cuda', 'Quadro P600 has 23.6 GiB of VRAM'],
  ['mps', 'mps', 'mps has 23.6 GiB of VRAM'],
  ['cpu', 'cpu', undefined],
])('ComfyUI\'s device "%s" is told as a person would', async (name, type, told) => {
  expect(describeGpus(await gpusOf([{ name, type, vramTotalBytes: 25_393_692_672 }]))).toBe(told);
});

it('of an instance that does not say, or has several, what is known is told', async () => {
  expect(await gpusOf(new Error('no'))).toBeUndefined();
  expect(describeGpus(undefined)).toBeUndefined();
  const two = ['cuda:0 A', 'cuda:1 B'].map((name) => ({ name, type: 'cuda', vramTotalBytes: 2 ** 33 }));
  expect(describeGpus(await gpusOf(two))).toBe('A has 8 GiB of VRAM, B has 8 GiB of VRAM');
});
