// The clock as a dependency: use cases take it so that tests can move time. Milliseconds since 1970.
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
