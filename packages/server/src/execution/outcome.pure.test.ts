import { describe, expect, it } from 'vitest';
import { MOVED } from '../requests/report.pure.ts';
import { type AttemptHistory, type Cause, decideOutcome } from './outcome.pure.ts';

const first: AttemptHistory = { losses: 0, maxAttempts: 3, unsent: 0, hasWaitedTooLong: false };
const texts = { details: 'd', debugInfo: 'i' };

/** One cause of each kind; a new kind does not compile until it is here. */
const CAUSES: { [K in Cause['kind']]: Extract<Cause, { kind: K }> } = {
  cancelled: { kind: 'cancelled' },
  closed: { kind: 'closed', code: 10003, details: 'd' },
  not_sent: { kind: 'not_sent', reason: 'r' },
  moved: { kind: 'moved' },
  lost: { kind: 'lost', reason: 'r' },
  media_failed: { kind: 'media_failed', ...texts },
  prompt_refused: { kind: 'prompt_refused', ...texts },
  queue_unexpected: { kind: 'queue_unexpected', ...texts },
  node_failed: { kind: 'node_failed', ...texts },
  run_timeout: { kind: 'run_timeout', afterMs: 1_234, isOwn: true },
  interrupted_elsewhere: { kind: 'interrupted_elsewhere' },
  outputs_unreadable: { kind: 'outputs_unreadable', ...texts },
  unexpected: { kind: 'unexpected', ...texts },
};

const EXPECTED: Record<Cause['kind'], number | 'retry' | 'retry, counted' | 'cancel'> = {
  cancelled: 'cancel',
  closed: 10003,
  not_sent: 'retry',
  moved: 'retry',
  lost: 'retry, counted',
  media_failed: 10009,
  prompt_refused: 10008,
  queue_unexpected: 10004,
  node_failed: 10011,
  run_timeout: 10011,
  interrupted_elsewhere: 10011,
  outputs_unreadable: 10006,
  unexpected: 10000,
};

function shortly(cause: Cause, history: AttemptHistory) {
  const outcome = decideOutcome(cause, history);
  if (outcome.kind === 'fail') return outcome.code;
  if (outcome.kind === 'retry') return outcome.what === 'lost' ? 'retry, counted' : 'retry';
  return outcome.kind;
}

describe('what ended the first attempt', () => {
  it.each(Object.values(CAUSES))('$kind', (cause) => {
    expect(shortly(cause, first)).toBe(EXPECTED[cause.kind]);
  });

  it('keeps the words of the cause', () => {
    expect(decideOutcome(CAUSES.node_failed, first)).toEqual({ kind: 'fail', code: 10011, ...texts });
    expect(decideOutcome(CAUSES.run_timeout, first)).toMatchObject({ details: expect.stringContaining('1.2 s') });
  });
});

describe('a lost run', () => {
  it.each([
    [0, 'retry, counted'],
    [1, 'retry, counted'],
    [2, 10012],
    [7, 10012],
  ])('after %i earlier losses', (losses, expected) => {
    expect(shortly(CAUSES.lost, { ...first, losses })).toBe(expected);
  });

  it('says how often and why at last', () => {
    const outcome = decideOutcome({ kind: 'lost', reason: 'killed by signal 9' }, { ...first, losses: 2 });
    expect(outcome).toMatchObject({ details: expect.stringMatching(/3 times.*killed by signal 9/) });
  });
});

describe('a run that was never sent', () => {
  it.each([
    [0, true, 'retry'],
    [9, true, 'retry'],
    [10, false, 'retry'],
    [10, true, 10007],
  ])('after %i tries in a row, too long waited: %s', (unsent, hasWaitedTooLong, expected) => {
    expect(shortly(CAUSES.not_sent, { ...first, unsent, hasWaitedTooLong })).toBe(expected);
  });

  it('never counts against the attempts that may be lost', () => {
    expect(shortly(CAUSES.not_sent, { ...first, losses: 2 })).toBe('retry');
  });

  it('waits longer each time, but not after the first', () => {
    const pauses = [0, 1, 2, 9].map((unsent) => decideOutcome(CAUSES.not_sent, { ...first, unsent }));
    expect(pauses).toMatchObject([{ afterMs: 0 }, { afterMs: 100 }, { afterMs: 200 }, { afterMs: 5_000 }]);
  });

  it('is no fault of anybody when it was moved', () => {
    const moved = decideOutcome(CAUSES.moved, { ...first, losses: 2, unsent: 10, hasWaitedTooLong: true });
    expect(moved).toEqual({ kind: 'retry', because: MOVED, what: 'moved', afterMs: 0 });
  });
});
