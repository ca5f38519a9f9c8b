import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  beginLife,
  type Life,
  type LifePhase,
  type LifeStep,
  lastStep,
  measureLife,
  takeStep,
} from './lifecycle.pure.ts';

const because = 'it was asked for';
const step = (phase: LifePhase, at: number): LifeStep => ({ phase, at, reason: because });
const IDLE = { busyMs: 0, busySince: undefined };

function live(...phases: LifePhase[]): Life {
  return phases.reduce<Life>(
    (life, phase, index) => {
      const next = takeStep(life, step(phase, 1_000 * (index + 1)));
      if (next === undefined) throw new Error(`${phase} may not follow ${lastStep(life).phase}`);
      return next;
    },
    beginLife('requested', 0),
  );
}

it('goes from asked for to gone, each step with its time and reason', () => {
  expect(live('starting', 'ready', 'draining', 'gone').steps).toEqual([
    { phase: 'requested', at: 0 },
    step('starting', 1_000),
    step('ready', 2_000),
    step('draining', 3_000),
    step('gone', 4_000),
  ]);
});

it.each<[LifePhase[], LifePhase[]]>([
  [[], ['starting', 'gone']],
  [['starting'], ['starting', 'ready', 'draining', 'gone']],
  [
    ['starting', 'ready'],
    ['starting', 'lost', 'draining', 'gone'],
  ],
  [
    ['starting', 'ready', 'lost'],
    ['starting', 'ready', 'draining', 'gone'],
  ],
  [
    ['starting', 'ready', 'draining'],
    ['starting', 'gone'],
  ],
  [['starting', 'ready', 'gone'], []],
])('after %j may follow %j, and nothing else', (before, allowed) => {
  const phases: LifePhase[] = ['requested', 'starting', 'ready', 'lost', 'draining', 'gone'];
  const life = live(...before);
  const may = phases.filter((phase) => takeStep(life, step(phase, 9_000)) !== undefined);
  expect(may.sort()).toEqual([...allowed].sort());
});

it('keeps the beginning and the newest of one that comes and goes, and their order', () => {
  const flips = Array.from({ length: 100 }, (_, index): LifePhase => (index % 2 === 0 ? 'lost' : 'ready'));
  const { steps, readyAt } = live('starting', 'ready', ...flips);
  expect(steps).toHaveLength(30);
  expect(steps.slice(0, 3).map(({ phase }) => phase)).toEqual(['requested', 'starting', 'ready']);
  expect(steps.at(-1)).toEqual(step('ready', 102_000));
  expect(readyAt).toBe(2_000);
});

it('no step is told as earlier than the one before, whatever the clock says', () => {
  expect(takeStep(live('starting', 'ready'), step('lost', 5))?.steps.at(-1)?.at).toBe(2_000);
});

it('is set up, works and stands idle, and the three add up to its life', () => {
  const life = live('starting', 'ready', 'draining');
  expect(measureLife(life, { busyMs: 500, busySince: 9_000 }, 10_000)).toEqual({
    setUpMs: 2_000,
    runningMs: 1_500,
    idleMs: 6_500,
  });
  expect(measureLife(live('starting', 'ready', 'gone'), IDLE, 99_000)).toEqual({
    setUpMs: 2_000,
    runningMs: 0,
    idleMs: 1_000,
  });
  expect(measureLife(live('gone'), IDLE, 99_000)).toEqual({ setUpMs: 1_000, runningMs: 0, idleMs: 0 });
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.option(fc.nat(), { nil: undefined }), (now, busyMs, busySince) => {
      const { setUpMs, runningMs, idleMs } = measureLife(live('starting', 'ready'), { busyMs, busySince }, now);
      expect(Math.min(setUpMs, runningMs, idleMs)).toBeGreaterThanOrEqual(0);
      expect(setUpMs + runningMs + idleMs).toBe(Math.max(2_000, now));
    }),
  );
});
