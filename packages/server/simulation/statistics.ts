// Means, quantiles and the like of what a run gave. Used by the goals.
import type { Played } from './play.ts';
import type { Job } from './traces.ts';

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index] ?? 0;
  return sum / Math.max(1, values.length);
}

export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export function longest(values: ArrayLike<number>): number {
  return quantile(values, 1);
}

/** From arrival to the beginning of the run, of the jobs that began. */
export function waitsOf({ startedAt }: Played, jobs: readonly Job[], isMeant: (job: Job) => boolean = () => true) {
  return collect(startedAt, jobs, isMeant);
}

/** From arrival to the end of the run. */
export function latenciesOf({ endedAt }: Played, jobs: readonly Job[]): Float64Array {
  return collect(endedAt, jobs, () => true);
}

function collect(at: Float64Array, jobs: readonly Job[], isMeant: (job: Job) => boolean): Float64Array {
  const values: number[] = [];
  for (const [index, job] of jobs.entries()) {
    const then = at[index] ?? Number.NaN;
    if (!Number.isNaN(then) && isMeant(job)) values.push(then - job.at);
  }
  return Float64Array.from(values);
}

/** 1 when all are equal, 1/n when one has everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share ** 2, 0);
  return sum ** 2 / (shares.length * squares);
}
