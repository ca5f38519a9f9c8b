// What GPUs an instance says that it has, asked for once it answers: named in its view, and where a run had too little memory.
// Called by instance-steps.ts.
import { describeError, type Log } from '../telemetry/log.ts';
import type { Instance } from './instance.ts';

export interface Gpu {
  /** `NVIDIA GeForce RTX 4090`. */
  readonly name: string;
  readonly vramBytes: number;
}

/** Of ComfyUI's `cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync` the middle. */
const DEVICE_NAME = /^(?:\w+:\d+ )?(.*?)(?: : \w+)?$/;
const MOST_GPUS = 16;
const NAME_CHARACTERS = 100;
const GIB = 2 ** 30;

export async function findGpus(log: Log, instance: Instance): Promise<void> {
  try {
    const { devices } = await instance.connection.client.systemStats();
    instance.gpus = devices.slice(0, MOST_GPUS).flatMap(({ name = 'unknown', type, vramTotalBytes }) => {
      if (type === 'cpu' || vramTotalBytes === undefined) return [];
      return { name: (DEVICE_NAME.exec(name)?.[1] ?? name).slice(0, NAME_CHARACTERS), vramBytes: vramTotalBytes };
    });
  } catch (error) {
    log.debug({ instanceId: instance.id, ...describeError(error) }, 'the GPUs of an instance are not known');
  }
}

/** `NVIDIA GeForce RTX 4090 has 23.6 GiB of VRAM`; undefined: none is known. */
export function describeGpus(gpus: readonly Gpu[] | undefined): string | undefined {
  if (gpus === undefined || gpus.length === 0) return undefined;
  return gpus.map(({ name, vramBytes }) => `${name} has ${toGib(vramBytes)} GiB of VRAM`).join(', ');
}

export function toGib(bytes: number): number {
  return Math.round((bytes / GIB) * 10) / 10;
}
