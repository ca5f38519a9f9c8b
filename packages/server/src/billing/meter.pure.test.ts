import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MeterState, readMeter, resumeMeter, startMeter, stopMeter } from './meter.pure.ts';
import { priceSpan, type Span } from './price.pure.ts';

const PRICE = fc.integer({ min: 0, max: 100_000_000 });

/** What happens to a meter: time passes and it is read, or the process dies and the next one goes on from the ledger. */
const STEPS = fc.array(
  fc.record({
    // Backwards as well: what a clock that is set by an hour would do, were it one.
    passedMs: fc.oneof(fc.double({ min: 0, max: 120_000, noNaN: true }), fc.constantFrom(-3_600_000, 3_600_000)),
    what: fc.constantFrom('read', 'read again', 'crash'),
  }),
  { maxLength: 40 },
);

function live(steps: readonly { passedMs: number; what: string }[]): {
  spans: Span[];
  state: MeterState;
  tick: number;
} {
  let tick = 1_000;
  let state = startMeter(tick);
  const spans: Span[] = [];
  const take = (reading: { span: Span | undefined; state: MeterState }) => {
    if (reading.span) spans.push(reading.span);
    state = reading.state;
  };
  for (const { passedMs, what } of steps) {
    tick += passedMs;
    if (what === 'crash') state = resumeMeter(state.billedMs, tick);
    else take(readMeter(state, tick));
    if (what === 'read again') take(readMeter(state, tick));
  }
  take(stopMeter(state, tick));
  return { spans, state, tick };
}

describe('the spans of an instance', () => {
  it('follow each other without gap or overlap from 0 on, and are never empty or negative', () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const { spans, state } = live(steps);
        let end = 0;
        for (const { fromMs, toMs } of spans) {
          expect(fromMs).toBe(end);
          expect(toMs).toBeGreaterThan(fromMs);
          expect(Number.isSafeInteger(toMs)).toBe(true);
          end = toMs;
        }
        expect(state.billedMs).toBe(end);
      }),
    );
  });

  it('cost, added up, exactly what the whole of them costs', () => {
    fc.assert(
      fc.property(STEPS, PRICE, (steps, price) => {
        const { spans, state } = live(steps);
        const sum = spans.reduce((total, span) => total + priceSpan(span, price), 0);
        expect(sum).toBe(priceSpan({ fromMs: 0, toMs: state.billedMs }, price));
      }),
    );
  });

  it('are together never longer than the time that passed forwards', () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const passed = steps.reduce((sum, { passedMs }) => sum + Math.max(0, passedMs), 0);
        expect(live(steps).state.billedMs).toBeLessThanOrEqual(passed + 1e-6);
      }),
    );
  });

  it('end when it is gone: later readings bill nothing', () => {
    fc.assert(
      fc.property(STEPS, fc.integer({ min: 0, max: 10 ** 9 }), (steps, laterMs) => {
        const { state, tick } = live(steps);
        expect(readMeter(state, tick + laterMs).span).toBeUndefined();
        expect(stopMeter(state, tick + laterMs).span).toBeUndefined();
      }),
    );
  });
});

it('a clock that runs backwards bills nothing until it has caught up', () => {
  const first = readMeter(startMeter(10_000), 70_000);
  expect(first.span).toEqual({ fromMs: 0, toMs: 60_000 });
  const back = readMeter(first.state, 70_000 - 3_600_000);
  expect(back.span).toBeUndefined();
  expect(readMeter(back.state, 70_500).span).toEqual({ fromMs: 60_000, toMs: 60_500 });
});

it('what nobody saw between a crash and the next start is not billed', () => {
  const before = readMeter(startMeter(0), 30_000);
  const after = readMeter(resumeMeter(before.state.billedMs, 5), 1_005);
  expect(after.span).toEqual({ fromMs: 30_000, toMs: 31_000 });
});
