// How a simulated deployment grows and shrinks: the product's decideScale. The rules of others: other-scalers.ts.
import { decideScale, type ScaleLimits } from '../src/scaling/decide.pure.ts';
import {
  type KeepWarmMemory,
  learnReuse,
  learnStart,
  learnStop,
  NOTHING_LEARNED,
} from '../src/scaling/keep-warm.pure.ts';
import type { Fleet, SimInstance } from './fleet.ts';

export interface Orders {
  readonly start: number;
  readonly stop: readonly SimInstance[];
  readonly checkAt: number | undefined;
}

export interface Scaler {
  decide(fleet: Fleet): Orders;
  /** An idle instance is given a request. */
  onGiven?(fleet: Fleet, instance: SimInstance): void;
}

/** Drives decideScale as the scaling loop is to: asks, acts, and tells the memory what became of idle instances. */
export function createScaler(limits: ScaleLimits, coldStartMs: number): Scaler {
  let memory: KeepWarmMemory = NOTHING_LEARNED;
  const surplus = new Set<SimInstance>();

  return {
    decide(fleet) {
      const { instances, waiting, now } = fleet;
      const decision = decideScale(
        {
          isEnabled: true,
          limits,
          waiting,
          instances,
          coldStartMs,
          memory,
          failedStarts: undefined,
          warmUp: undefined,
        },
        now,
      );
      for (const instance of fleet.idle.slice(0, -1)) surplus.add(instance);
      const stop: SimInstance[] = [];
      for (const { id } of decision.drain) {
        const instance = instances.find((each) => each.id === id);
        if (instance === undefined) continue;
        stop.push(instance);
        if (surplus.delete(instance)) memory = learnStop(memory, instance.idleSince);
      }
      for (let count = 0; count < decision.start; count += 1) memory = learnStart(memory, now);
      return { start: decision.start, stop, checkAt: decision.checkAt };
    },
    onGiven(fleet, instance) {
      if (surplus.delete(instance)) memory = learnReuse(memory, fleet.now - instance.idleSince);
    },
  };
}

/** So many from the beginning to the end. */
export function createFixedFleet(count: number): Scaler {
  return createScaler(
    { queueSize: Number.MAX_SAFE_INTEGER, minInstances: count, maxInstances: count, keepWarmMs: 0 },
    0,
  );
}
