// When a waiting request's run will be over: a mean and a 90 % interval from what is ahead of it, what runs, and how long
// runs take. Pure; standing.ts gathers.

/** Milliseconds, and milliseconds squared. */
export interface Spread {
  readonly meanMs: number;
  readonly variance: number;
}

export interface EtaInput {
  /** For each instance it may run on: what it still has to do. At least one. */
  readonly busy: readonly Spread[];
  /** Requests that run before it. */
  readonly ahead: number;
  /** The runs of all of them together. */
  readonly work: Spread;
  readonly own: Spread;
  /** How many runs the mean was learned from. */
  readonly weight: number;
}

export interface EtaMs {
  readonly meanMs: number;
  readonly lowMs: number;
  readonly highMs: number;
}

/** The 95th percentile of the normal distribution: 5 % lie below the interval and 5 % above it. */
const Z = 1.645;

export function estimate(input: EtaInput): EtaMs {
  const { busy, ahead, work, own, weight } = input;
  const instances = Math.max(1, busy.length);
  const startMs = startOf(busy, ahead, ahead === 0 ? 0 : work.meanMs / ahead);
  const meanMs = startMs + own.meanMs;
  // Of what runs now, only what is to be waited for counts: with nothing ahead, the first that gets free.
  const share = Math.min(1, (ahead + 1) / instances);
  const variance =
    (share * sum(busy.map((each) => each.variance))) / (ahead === 0 ? instances : instances ** 2) +
    work.variance / instances ** 2 +
    own.variance +
    (instances > 1 && ahead > 0 ? blur(work, ahead, instances) : 0) +
    // The mean itself is only known so well.
    (meanMs ** 2 * relativeVariance(own)) / Math.max(1, weight);
  return { meanMs, lowMs: quantile(meanMs, variance, -Z), highMs: quantile(meanMs, variance, Z) };
}

// Instances get free one after the other, and the more runs are in between, the less is known of which one is next: at
// last ours begins anywhere within the length of a run.
function blur(work: Spread, ahead: number, instances: number): number {
  const runMs = work.meanMs / ahead;
  return Math.min(runMs ** 2 / 12, (work.variance / ahead) * (1 + ahead / instances));
}

/** The first moment at which so many runs of this length have been started on instances that get free then. */
function startOf(busy: readonly Spread[], ahead: number, runMs: number): number {
  const free = busy.map((each) => each.meanMs);
  const first = Math.min(...free);
  if (ahead === 0 || runMs <= 0) return free.length === 0 ? 0 : first;
  const started = (at: number) => sum(free.map((from) => (at < from ? 0 : Math.floor((at - from) / runMs) + 1)));
  let low = first;
  let high = Math.max(...free) + ((ahead + 1) * runMs) / free.length + runMs;
  for (let step = 0; step < 60 && high - low > 0.5; step += 1) {
    const middle = (low + high) / 2;
    if (started(middle) > ahead) high = middle;
    else low = middle;
  }
  return high;
}

/** What is left of a run that has gone on for so long: the rest of a normal distribution above it. */
export function remaining({ meanMs, variance }: Spread, elapsedMs: number): Spread {
  const sd = Math.sqrt(Math.max(variance, (0.02 * meanMs) ** 2, 1));
  const over = (elapsedMs - meanMs) / sd;
  // Far beyond the mean the rest shrinks with the distance; it never is nothing.
  const hazard = over > 4 ? over + 1 / over : density(over) / tail(over);
  return {
    meanMs: Math.max(0, meanMs + sd * hazard - elapsedMs),
    variance: Math.max(0, sd ** 2 * (1 + over * hazard - hazard ** 2)),
  };
}

function density(x: number): number {
  return Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
}

/** The chance of more than x standard deviations (Abramowitz and Stegun 26.2.17). */
function tail(x: number): number {
  if (x < 0) return 1 - tail(-x);
  const t = 1 / (1 + 0.2316419 * x);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return density(x) * polynomial;
}

/** Of a gamma distribution with this mean and variance (Wilson and Hilferty): skewed as sums of run times are. */
function quantile(meanMs: number, variance: number, z: number): number {
  if (meanMs <= 0) return 0;
  const shape = meanMs ** 2 / Math.max(variance, 1e-9);
  const root = 1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape));
  return meanMs * Math.max(0, root) ** 3;
}

function relativeVariance({ meanMs, variance }: Spread): number {
  return meanMs <= 0 ? 0 : variance / meanMs ** 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
