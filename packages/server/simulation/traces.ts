// Arrivals and service times to play, in milliseconds. Used by the goals; the same seed gives the same trace.
import { createRandom, createZipf, type Random } from './random.ts';

export interface Job {
  readonly at: number;
  readonly serviceMs: number;
  readonly account: number;
  /** Which models it needs. */
  readonly models: number;
}

const SECOND = 1_000;
const DAY_S = 86_400;

export type TraceName = 'poisson' | 'bursts' | 'diurnal' | 'step' | 'spike' | 'azure-like' | 'adversarial';
export const SCALE_TRACES: readonly TraceName[] = ['poisson', 'bursts', 'diurnal', 'step', 'spike', 'azure-like'];

/** One day of one deployment, service 10 to 30 s: what the autoscalers are compared on. */
export function makeTrace(name: TraceName, seed: number): Job[] {
  const random = createRandom(seed);
  const seconds = ARRIVALS[name](random).filter((at) => at < DAY_S);
  return seconds
    .sort((a, b) => a - b)
    .map((at) => ({ at: at * SECOND, serviceMs: random.between(10, 30) * SECOND, account: 0, models: 0 }));
}

const ARRIVALS: Record<TraceName, (random: Random) => number[]> = {
  /** One each 30 s. */
  poisson: (random) => withRate(random, () => 1 / 30, 1 / 30),
  /** About 12, some 8 s apart, every quarter of an hour on average. */
  bursts: (random) => {
    const times: number[] = [];
    for (let start = random.exponential(900); start < DAY_S; start += random.exponential(900)) {
      let at = start;
      for (let left = 6 + random.index(13); left > 0; left -= 1) {
        at += random.exponential(8.5);
        times.push(at);
      }
    }
    return times;
  },
  /** From nothing at midnight to one each 17 s at noon. */
  diurnal: (random) => withRate(random, (at) => (1 - Math.cos((2 * Math.PI * at) / DAY_S)) / 33, 2 / 33),
  /** One each 2 minutes, one each 10 s from 8 to 16 o'clock. */
  step: (random) => withRate(random, (at) => (at >= DAY_S / 3 && at < (2 * DAY_S) / 3 ? 1 / 10 : 1 / 120), 1 / 10),
  /** 40 within 20 s, then two hours of silence. */
  spike: (random) => {
    const times: number[] = [];
    for (let start = 600; start < DAY_S; start += 7_200) {
      for (let each = 0; each < 40; each += 1) times.push(start + random.between(0, 20));
    }
    return times;
  },
  'azure-like': (random) => azureLike(random),
  /** Each when the instance kept for a minute after the last one has just gone. */
  adversarial: () => {
    const times: number[] = [];
    for (let at = 60; at < DAY_S; at += 172) times.push(at);
    return times;
  },
};

/** By thinning: candidates at the highest rate, each kept with the share that the rate of its moment has of it. */
function withRate(random: Random, rate: (at: number) => number, highest: number): number[] {
  const times: number[] = [];
  for (let at = random.exponential(1 / highest); at < DAY_S; at += random.exponential(1 / highest)) {
    if (random.next() * highest < rate(at)) times.push(at);
  }
  return times;
}

/**
 * In place of the Azure Functions trace of 2019, of which no file is at hand: what was published of it is imitated. Counts
 * per minute; arrivals come in sessions with silence between them (inter-arrival times vary far more than a Poisson
 * process), their rate is log-normal from session to session, and days are busier than nights.
 */
function azureLike(random: Random): number[] {
  const times: number[] = [];
  let minute = 0;
  while (minute < DAY_S / 60) {
    const day = 1 - 0.6 * Math.cos((2 * Math.PI * minute) / 1_440);
    minute += Math.ceil(random.exponential(12 / day));
    const length = Math.ceil(random.exponential(15));
    const perMinute = Math.min(12, 1.5 * Math.exp(random.normal()));
    for (let end = minute + length; minute < end; minute += 1) {
      for (let left = random.exponential(1); left < perMinute; left += random.exponential(1)) {
        times.push(60 * (minute + random.next()));
      }
    }
  }
  return times;
}

export interface Load {
  readonly seed: number;
  readonly count: number;
  readonly instances: number;
  /** Offered load without loading of models, as a share of all instances. */
  readonly load: number;
  readonly service: { readonly kind: 'uniform' | 'exponential'; readonly meanMs: number };
  readonly modelSets: number;
}

/** Poisson arrivals for a fleet of fixed size, the models' popularity by Zipf. */
export function makeLoad({ seed, count, instances, load, service, modelSets }: Load): Job[] {
  const random = createRandom(seed);
  const drawModels = createZipf(random, modelSets);
  const gapMs = service.meanMs / (load * instances);
  const draw =
    service.kind === 'uniform'
      ? () => random.between(service.meanMs / 2, 1.5 * service.meanMs)
      : () => random.exponential(service.meanMs);
  const jobs: Job[] = [];
  for (let at = 0; jobs.length < count; ) {
    at += random.exponential(gapMs);
    jobs.push({ at, serviceMs: draw(), account: 0, models: modelSets > 1 ? drawModels() : 0 });
  }
  return jobs;
}
