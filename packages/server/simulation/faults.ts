// Instances that crash, hang or lie, and how soon that is noticed. Called by play.ts when a run is to have faults.

import { type Engine, EVENT, type FaultRates, schedule } from './engine.ts';
import type { SimInstance } from './fleet.ts';
import { createRandom } from './random.ts';

export interface Faults {
  onReady(instance: SimInstance): void;
  onGiven(instance: SimInstance): void;
  onEvent(kind: number, instance: SimInstance): void;
  /** True: the run did not end, or what it ended with is no result. */
  onEnd(instance: SimInstance): boolean;
}

const HOUR_MS = 3_600_000;
/** An instance that lies fails what it is given at once. */
const LIE_MS = 100;

/** Not the numbers that made the trace. */
const OWN_STREAM = 2_000_003;

export function createFaults(rates: FaultRates, of: { engine: Engine; lose: (instance: SimInstance) => void }): Faults {
  const { engine, lose } = of;
  const random = createRandom(rates.seed + OWN_STREAM);
  const noticeLater = (instance: SimInstance, ms: number) =>
    schedule(engine, engine.fleet.now + ms, { instance, kind: EVENT.noticed });

  function strike(instance: SimInstance) {
    const kind = (['crash', 'hang', 'lie'] as const)[random.index(3)];
    if (kind === 'crash' || kind === undefined) return lose(instance);
    instance.fault = kind;
    if (instance.job >= 0 && kind === 'hang') noticeLater(instance, rates.noticeMs);
  }

  return {
    onReady(instance) {
      const inMs = random.exponential(HOUR_MS / rates.sharePerHour);
      schedule(engine, engine.fleet.now + inMs, { instance, kind: EVENT.fault });
    },
    onGiven(instance) {
      if (instance.fault === 'hang') noticeLater(instance, rates.noticeMs);
      if (instance.fault === 'lie') noticeLater(instance, LIE_MS);
    },
    onEvent(kind, instance) {
      if (kind === EVENT.fault) strike(instance);
      else if (instance.job >= 0) lose(instance);
    },
    onEnd(instance) {
      if (instance.fault === 'lie') lose(instance);
      return instance.fault !== undefined;
    },
  };
}
