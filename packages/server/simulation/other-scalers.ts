// The rules by which KEDA, Knative and Ray Serve scale, written from their documentation, for comparison. They look at
// intervals of their own, whatever happens between. One request per instance at a time, as for ours.
import type { Fleet, SimInstance } from './fleet.ts';
import type { Orders, Scaler } from './scaler.ts';

export interface NamedScaler {
  readonly name: string;
  readonly create: () => Scaler;
}

const SECOND = 1_000;
export const MOST_INSTANCES = 60;

/** Each rule at five settings, its defaults among them. */
export const OTHER_SCALERS: readonly NamedScaler[] = [
  ...[
    { pollS: 30, cooldownS: 300 },
    { pollS: 10, cooldownS: 300 },
    { pollS: 10, cooldownS: 60 },
    { pollS: 5, cooldownS: 30 },
    { pollS: 5, cooldownS: 0 },
  ].map((of) => ({ name: `KEDA poll ${of.pollS} s, cooldown ${of.cooldownS} s`, create: () => createKeda(of) })),
  ...[6, 30, 60, 180, 600].map((windowS) => ({
    name: `Knative KPA window ${windowS} s`,
    create: () => createKpa(windowS),
  })),
  ...[
    { upS: 30, downS: 600 },
    { upS: 10, downS: 300 },
    { upS: 10, downS: 60 },
    { upS: 0, downS: 60 },
    { upS: 0, downS: 10 },
  ].map((of) => ({ name: `Ray Serve up ${of.upS} s, down ${of.downS} s`, create: () => createRayServe(of) })),
];

/** Asks `desire` at each tick, and starts or stops what differs. */
function everyTick(tickMs: number, desire: (fleet: Fleet, current: number) => number): Scaler {
  let nextAt = 0;
  return {
    decide(fleet) {
      if (fleet.now < nextAt) return { start: 0, stop: [], checkAt: nextAt };
      nextAt = (Math.floor(fleet.now / tickMs) + 1) * tickMs;
      const current = fleet.instances.filter(({ phase }) => phase !== 'draining');
      const target = Math.min(MOST_INSTANCES, Math.max(0, desire(fleet, current.length)));
      return { ...differ(current, target), checkAt: nextAt };
    },
  };
}

function differ(current: readonly SimInstance[], target: number): Omit<Orders, 'checkAt'> {
  if (current.length === target) return { start: 0, stop: [] };
  const order = (each: SimInstance) => (each.phase === 'starting' ? 0 : each.running === 0 ? 1 : 2);
  const removable = [...current].sort((a, b) => order(a) - order(b) || b.since - a.since);
  return {
    start: Math.max(0, target - current.length),
    stop: removable.slice(0, Math.max(0, current.length - target)),
  };
}

/** Waiting and running, what all three call load. */
function inFlight({ waiting, instances }: Fleet): number {
  return waiting + instances.reduce((sum, { running }) => sum + running, 0);
}

/** KEDA wakes from zero and puts to sleep after the cooldown; between, the HPA looks every 15 s and is slow to shrink. */
function createKeda({ pollS, cooldownS }: { pollS: number; cooldownS: number }): Scaler {
  const hpa = createHpa(cooldownS * SECOND);
  let activeAt = Number.NEGATIVE_INFINITY;
  return everyTick(pollS * SECOND, (fleet, current) => {
    const load = inFlight(fleet);
    if (load > 0) activeAt = fleet.now;
    if (current === 0) return Math.min(1, load);
    return load === 0 && fleet.now - activeAt >= cooldownS * SECOND ? 0 : hpa(fleet.now, current, load);
  });
}

/** Grows by four or doubles at most; shrinks to the highest wish of the window. */
function createHpa(windowMs: number) {
  const wishes: { at: number; wish: number }[] = [];
  let nextAt = 0;
  return (now: number, current: number, load: number): number => {
    if (now < nextAt) return current;
    nextAt = now + 15 * SECOND;
    wishes.push({ at: now, wish: Math.max(1, load) });
    while ((wishes[0]?.at ?? now) < now - windowMs) wishes.shift();
    if (load > current) return Math.min(load, Math.max(current + 4, 2 * current));
    return Math.min(current, Math.max(...wishes.map(({ wish }) => wish)));
  };
}

/** Mean concurrency over a stable window for 0.7 of a request per instance, and over a tenth of it when in panic. */
function createKpa(windowS: number): Scaler {
  const windowMs = windowS * SECOND;
  const [meanLoad, meanLately] = [createLoadWindow(windowMs), createLoadWindow(Math.max(2 * SECOND, windowMs / 10))];
  let panic = { until: 0, target: 0 };
  let zeroSince: number | undefined;
  return everyTick(2 * SECOND, (fleet, current) => {
    const { now } = fleet;
    const load = inFlight(fleet);
    const stable = Math.ceil(meanLoad(now, load) / 0.7);
    const lately = Math.ceil(meanLately(now, load) / 0.7);
    const ready = Math.max(1, fleet.instances.filter(({ phase }) => phase === 'ready').length);
    if (lately / ready >= 2) panic = { ...panic, until: now + windowMs };
    panic = { ...panic, target: now < panic.until ? Math.max(panic.target, lately) : 0 };
    zeroSince = stable + lately === 0 ? (zeroSince ?? now) : undefined;
    const wanted = now < panic.until ? Math.max(panic.target, current) : Math.max(stable, Math.floor(current / 2));
    if (wanted > 0 || current === 0) return wanted;
    return now - (zeroSince ?? now) >= 30 * SECOND ? 0 : 1;
  });
}

/** Mean of the samples not older than the window. */
function createLoadWindow(windowMs: number) {
  const samples: { at: number; load: number }[] = [];
  let sum = 0;
  let first = 0;
  return (at: number, load: number): number => {
    samples.push({ at, load });
    sum += load;
    for (let oldest = samples[first]; oldest && oldest.at <= at - windowMs; oldest = samples[first]) {
      sum -= oldest.load;
      first += 1;
    }
    return sum / (samples.length - first);
  };
}

/** One ongoing request per replica; a wish must last for its delay before it is followed. */
function createRayServe({ upS, downS }: { upS: number; downS: number }): Scaler {
  let upSince: number | undefined;
  let downSince: number | undefined;
  return everyTick(SECOND, (fleet, current) => {
    const desired = inFlight(fleet);
    upSince = desired > current ? (upSince ?? fleet.now) : undefined;
    downSince = desired < current ? (downSince ?? fleet.now) : undefined;
    if (current === 0) return desired;
    if (upSince !== undefined && fleet.now - upSince >= upS * SECOND) return desired;
    if (downSince !== undefined && fleet.now - downSince >= downS * SECOND) return desired;
    return current;
  });
}
