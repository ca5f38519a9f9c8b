// The schedule of retries, played to its end under a simulated clock for any jitter.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseDelayMs, decideRetry, JITTER, judgeTry, WEBHOOK_TIMES } from './schedule.pure.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const TRY_MS = 10_000;

/** The instants of every try of a receiver that never acknowledges, each try taking its whole time. */
function play(randoms: () => number, from: number): number[] {
  const tries = [from];
  for (let now = from; ; ) {
    const at = decideRetry(WEBHOOK_TIMES, { now: now + TRY_MS, from, tries: tries.length, random: randoms() });
    if (at === undefined) return tries;
    tries.push(at);
    now = at;
  }
}

describe('the schedule of retries', () => {
  it('is exact to its jitter, never longer than 24 h, and ends', () => {
    fc.assert(
      fc.property(fc.infiniteStream(random), fc.integer({ min: 0, max: 4e12 }), (stream, from) => {
        const tries = play(() => stream.next().value ?? 0, from);
        tries.slice(1).forEach((at, index) => {
          const delay = at - ((tries[index] ?? 0) + TRY_MS);
          const base = baseDelayMs(WEBHOOK_TIMES, index + 1);
          expect(delay).toBeGreaterThanOrEqual(base * (1 - JITTER) - 1);
          expect(delay).toBeLessThanOrEqual(base * (1 + JITTER) + 1);
        });
        const last = (tries.at(-1) ?? 0) - from;
        expect(last).toBeLessThanOrEqual(WEBHOOK_TIMES.windowMs);
        // It does not give up early: another full delay would have passed the end.
        expect(last).toBeGreaterThan(WEBHOOK_TIMES.windowMs - WEBHOOK_TIMES.maxDelayMs * (1 + JITTER) - TRY_MS);
        expect(tries.length).toBeGreaterThanOrEqual(16);
        expect(tries.length).toBeLessThanOrEqual(22);
      }),
    );
  });

  it('doubles from 5 s and stays at 3 h', () => {
    const delays = [1, 2, 3, 4, 11, 12, 13, 40].map((tries) => baseDelayMs(WEBHOOK_TIMES, tries) / 1000);
    expect(delays).toEqual([5, 10, 20, 40, 5_120, 10_240, 10_800, 10_800]);
  });

  it('only 2xx acknowledges, and 410 ends it', () => {
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined }), random, (status, drawn) => {
        const tried = { status, now: 1_000, from: 0, tries: 1, random: drawn };
        const { kind } = judgeTry(WEBHOOK_TIMES, { event: 'ended' }, tried);
        const isAcknowledged = status !== undefined && status >= 200 && status < 300;
        expect(kind).toBe(isAcknowledged ? 'delivered' : status === 410 ? 'disabled' : 'retry');
        const started = judgeTry(WEBHOOK_TIMES, { event: 'started' }, tried).kind;
        expect(started).toBe(kind === 'retry' ? 'failed' : kind);
      }),
    );
  });
});
