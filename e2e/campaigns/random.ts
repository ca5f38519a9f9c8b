// Chance that can be repeated: the same seed draws the same kills. Used by the crash campaign.

export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  between(from: number, to: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** mulberry32: small, and good enough to choose moments. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (from, to) => from + (to - from) * next(),
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
  };
}

/** Every colour once before any comes round: an odd step shares no factor with 2^24. */
export function drawColours(random: Random): () => number {
  const step = 1 + 2 * Math.floor(random.between(0, 2 ** 20));
  let drawn = 0;
  return () => {
    drawn += 1;
    return (drawn * step) % 2 ** 24;
  };
}
