// Whether there is room for another instance of a SKU at its engine, on which GPUs, and what takes the rest. Pure; asked by
// docker-containers.ts.
import type { Room } from '../provider.ts';
import type { DockerSettings } from './docker-settings.pure.ts';

export interface TakenPlace {
  readonly sku: string;
  /** Empty: none are assigned, or not yet. */
  readonly gpus: readonly string[];
}

/** Of the SKUs of one engine. */
type Settings = ReadonlyMap<string, Pick<DockerSettings, 'gpus' | 'maxInstances'>>;

export interface FoundRoom extends Room {
  /** Those to be assigned next. */
  readonly gpus: readonly string[];
}

export function findRoom(settings: Settings, sku: string, taken: readonly TakenPlace[]): FoundRoom {
  const { gpus, maxInstances = 0 } = settings.get(sku) ?? {};
  const places = Math.max(0, maxInstances - taken.filter((each) => each.sku === sku).length);
  const full = `all ${maxInstances} instances that "max_instances" of hardware "${sku}" allows in comfleet.config.json are there already`;
  if (gpus?.kind !== 'pool' || places === 0) return { left: places, because: full, gpus: [] };
  const used = new Set(taken.flatMap((each) => each.gpus));
  const free = gpus.ids.filter((id) => !used.has(id));
  const left = Math.max(0, Math.floor((free.length - countComing(settings, taken, gpus.ids)) / gpus.each));
  const next = free.length >= gpus.each ? free.slice(0, gpus.each) : [];
  if (places < left) return { left: places, because: full, gpus: next };
  return { left, because: `no GPU is free: ${gpus.ids.join(', ')} have instances`, gpus: next };
}

/** Those that are to have GPUs, and have none yet, may be given any that their SKU names. */
function countComing(settings: Settings, taken: readonly TakenPlace[], ids: readonly string[]): number {
  const numbers = taken.map((place) => {
    const wish = settings.get(place.sku)?.gpus;
    if (place.gpus.length > 0 || wish?.kind !== 'pool') return 0;
    return wish.ids.some((id) => ids.includes(id)) ? wish.each : 0;
  });
  return numbers.reduce((sum, each) => sum + each, 0);
}
