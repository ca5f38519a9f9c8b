// What test/provider-faults.test.ts asks of a world in which instances fare badly, as a seed has it: a cluster
// (faulty-cluster.ts) or an engine (faulty-engine.ts). Both draw a fate for each instance, and faults for the calls to their API.
import type { AppOverrides } from '../src/app-overrides.ts';

/** Whose instances come up or not, as they are drawn. */
export const STRUCK_SKU = 'STRUCK';

export const HARDWARE = { gpu: 'none', vram_gb: 8, ram_gb: 8, vcpus: 2, price_per_hour_usd: 1 };

export interface Hopeless {
  readonly sku: string;
  /** What its deployment has to say of why it cannot start. */
  readonly says: RegExp;
}

export interface FaultyWorld {
  /** SKUs whose instances never start. */
  readonly hopeless: readonly Hopeless[];
  /** Of the configuration. */
  readonly hardware: readonly object[];
  provider(
    base: Parameters<NonNullable<AppOverrides['providers']>>[0],
  ): ReturnType<NonNullable<AppOverrides['providers']>>[number];
  /** How often each kind of fault has really struck. */
  strikes(): ReadonlyMap<string, number>;
  /** How many were asked for, of a SKU. */
  countAsked(sku: string): number;
  /** Names of what is there and not on its way out. */
  standing(): string[];
  /** Names of all that is there. */
  left(): string[];
  /** No new faults; what was drawn runs out. */
  calm(): void;
  stop(): Promise<void>;
}

/** Counts what struck: fates as they come true, faults of calls as a stand-in meets them and counts them down. */
export function createTally() {
  const counts = new Map<string, number>();
  const armed: { name: string; fault: { times?: number }; left: number }[] = [];
  const count = (name: string, times = 1) => void (times > 0 && counts.set(name, (counts.get(name) ?? 0) + times));
  return {
    count: (name: string) => count(name),
    arm: (name: string, fault: { times: number }) => void armed.push({ name, fault, left: fault.times }),
    isArmed: (name: string) => armed.some((each) => each.name === name && (each.fault.times ?? 0) > 0),
    read(): ReadonlyMap<string, number> {
      for (const each of armed) {
        const left = Math.max(0, each.fault.times ?? 0);
        count(each.name, each.left - left);
        each.left = left;
      }
      return counts;
    },
  };
}
