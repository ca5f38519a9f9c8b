// Seeded random numbers, so that a run can be played again. Used by traces.ts and the engines.

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number;
  between(low: number, high: number): number;
  exponential(mean: number): number;
  normal(): number;
  index(count: number): number;
}

/** mulberry32: 32 bits of state are plenty for a simulation. */
export function createRandom(seed: number): Random {
  let state = (seed * 2_654_435_761 + 1_013_904_223) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    exponential: (mean) => -mean * Math.log(1 - next()),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    index: (count) => Math.floor(next() * count),
  };
}

/** Draws 0 … count-1, the first the most popular: weights 1, 1/2, 1/3, … */
export function createZipf(random: Random, count: number): () => number {
  const ends: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) {
    sum += 1 / rank;
    ends.push(sum);
  }
  return () => {
    const at = random.next() * sum;
    return ends.findIndex((end) => at < end);
  };
}
