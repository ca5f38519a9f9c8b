// The stated interval against simulated queues: it has to hold the truth about nine times in ten, and to be near it.
import { describe, expect, it } from 'vitest';
import { type EtaMs, estimate, remaining, type Spread } from './eta.pure.ts';
import { createRunTimes } from './run-times.ts';

function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return (state + 0.5) / 4_294_967_296;
  };
}

type Draw = (random: () => number) => number;

const normal: Draw = (random) => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
const LOADS: Record<string, Draw> = {
  'steady runs': (random) => 10_000 * (1 + 0.05 * normal(random)),
  'runs of a log-normal length': (random) => 8_000 * Math.exp(0.4 * normal(random)),
  'runs of an exponential length': (random) => -5_000 * Math.log(random()),
  'runs of a uniform length': (random) => 10_000 + 20_000 * random(),
};

interface Trial {
  readonly eta: EtaMs;
  readonly naiveMs: number;
  readonly actualMs: number;
}

/** Some runs are seen, then instances are busy since a moment ago and so many wait before ours. */
function tryOnce(draw: Draw, random: () => number, given: { instances: number; ahead: number; seen: number }): Trial {
  const times = createRunTimes();
  for (let n = 0; n < given.seen; n += 1) times.learn('v', Math.max(1, draw(random)));
  const time = times.of('v');
  if (time === undefined) throw new Error('nothing was learned');
  const busy: Spread[] = [];
  const free: number[] = [];
  for (let n = 0; n < given.instances; n += 1) {
    // Seen at a moment of its run that any is as likely as another: longer runs are seen more often.
    let run = Math.max(1, draw(random));
    let elapsed = random() * 40_000;
    while (elapsed > run) {
      elapsed -= run;
      run = Math.max(1, draw(random));
    }
    busy.push(remaining(time, elapsed));
    free.push(run - elapsed);
  }
  for (let n = 0; n < given.ahead; n += 1) {
    free.sort((a, b) => a - b);
    free[0] = (free[0] ?? 0) + Math.max(1, draw(random));
  }
  const actualMs = Math.min(...free) + Math.max(1, draw(random));
  const work = { meanMs: given.ahead * time.meanMs, variance: given.ahead * time.variance };
  const eta = estimate({ busy, ahead: given.ahead, work, own: time, weight: time.weight });
  return { eta, naiveMs: ((given.ahead + 1) * time.meanMs) / given.instances, actualMs };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

describe.each(Object.entries(LOADS))('of %s', (name, draw) => {
  const cases = [
    { instances: 1, ahead: 0 },
    { instances: 1, ahead: 5 },
    { instances: 1, ahead: 60 },
    { instances: 4, ahead: 0 },
    { instances: 4, ahead: 10 },
    { instances: 8, ahead: 100 },
  ];
  it.each(cases)('the interval covers 80 to 97 %: $instances instances, $ahead ahead', ({ instances, ahead }) => {
    const random = createRandom(instances * 1_000 + ahead);
    const trials = Array.from({ length: 1_500 }, () => tryOnce(draw, random, { instances, ahead, seen: 60 }));
    const covered = trials.filter(({ eta, actualMs }) => eta.lowMs <= actualMs && actualMs <= eta.highMs).length;
    const share = covered / trials.length;
    expect(share).toBeGreaterThan(0.8);
    expect(share).toBeLessThan(0.97);
  });

  it('is nearer than position × mean / instances', () => {
    const random = createRandom(7);
    const trials = Array.from({ length: 2_000 }, () =>
      tryOnce(draw, random, {
        instances: 1 + Math.floor(random() * 4),
        ahead: Math.floor(random() * 12),
        seen: 60,
      }),
    );
    const ours = median(trials.map(({ eta, actualMs }) => Math.abs(eta.meanMs - actualMs)));
    const naive = median(trials.map(({ naiveMs, actualMs }) => Math.abs(naiveMs - actualMs)));
    // Of exponential lengths nothing can be known but the mean: the age of a run says nothing of its end.
    expect(ours / naive).toBeLessThan(name.includes('exponential') ? 1.02 : 0.9);
  });
});

it('is never negative, whatever it is given', () => {
  const nothing = { meanMs: 0, variance: 0 };
  const long = { meanMs: 1, variance: 1e12 };
  for (const own of [nothing, long]) {
    for (const ahead of [0, 1, 100_000]) {
      const work = { meanMs: ahead * own.meanMs, variance: ahead * own.variance };
      const eta = estimate({ busy: [remaining(own, 1e9), nothing], ahead, work, own, weight: 0 });
      for (const value of Object.values(eta)) expect(value).toBeGreaterThanOrEqual(0);
      for (const value of Object.values(eta)) expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  }
});
