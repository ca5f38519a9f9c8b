// Whether there is room for another instance of a SKU on this machine, on which GPU, and what takes the rest. Pure; asked by
// process.ts.
import type { Room } from '../provider.ts';
import type { ProcessSettings } from './process-settings.pure.ts';

export interface TakenPlace {
  readonly sku: string;
  /** Undefined: none is assigned, or not yet. */
  readonly gpu: string | undefined;
}

type Settings = ReadonlyMap<string, Pick<ProcessSettings, 'gpus' | 'maxInstances'>>;

export interface FoundRoom extends Room {
  /** The one to be assigned next; undefined where none is. */
  readonly gpu: string | undefined;
}

export function findRoom(settings: Settings, sku: string, taken: readonly TakenPlace[]): FoundRoom {
  const { gpus = [], maxInstances = 0 } = settings.get(sku) ?? {};
  const places = maxInstances - taken.filter((each) => each.sku === sku).length;
  const full = `all ${maxInstances} instances that "max_instances" of hardware "${sku}" allows in comfleet.config.json are there already`;
  if (gpus.length === 0 || places <= 0) return { left: Math.max(0, places), because: full, gpu: undefined };
  const free = gpus.filter((gpu) => taken.every((each) => each.gpu !== gpu));
  // Those to come may be given any that their SKU names.
  const coming = taken.filter((each) => each.gpu === undefined && settings.get(each.sku)?.gpus.some(isOneOf(gpus)));
  const left = Math.max(0, free.length - coming.length);
  if (places < left) return { left: places, because: full, gpu: free[0] };
  return { left, because: `no GPU is free: each of ${gpus.join(', ')} has an instance`, gpu: free[0] };
}

const isOneOf = (gpus: readonly string[]) => (gpu: string) => gpus.includes(gpu);
