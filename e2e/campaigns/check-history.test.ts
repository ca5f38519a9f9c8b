import { describe, expect, it } from 'vitest';
import { findViolations } from './check-history.pure.ts';
import type { Attempt, Execution, History, Observation, Row, Submission, Violation } from './history.pure.ts';

const RED = 0xff0000;
const BLUE = 0x0000ff;

const ended: Observation = { kind: 'ended', at: 50, outcome: 'succeeded', digest: 'd1', errorCode: undefined };
const file: Observation = { kind: 'file', at: 51, content: RED };
const submission: Submission = {
  colour: RED,
  idempotencyKey: 'k1',
  acknowledged: ['r1'],
  observations: [{ kind: 'live', at: 10, word: 'in_queue' }, ended, file, ended, file],
};
const run: Execution = { promptId: 'p1', colour: RED, startedAt: 20 };
const rerun: Execution = { promptId: 'p2', colour: RED, startedAt: 40 };
const loss: Attempt = { requestId: 'r1', promptId: 'p1', outcome: 'lost', cause: 'killed', endedAt: 30 };
const row: Row = { requestId: 'r1', colour: RED, state: 'succeeded' };

function judge(part: Partial<History>): Violation['kind'][] {
  const good: History = { submissions: [submission], executions: [run], attempts: [], rows: [row], unexpectedEnds: [] };
  return findViolations({ ...good, ...part }).map(({ kind }) => kind);
}

const seen = (...observations: Observation[]) => judge({ submissions: [{ ...submission, observations }] });

describe('the judge of a crash campaign', () => {
  it('passes a good history, also one with a recorded loss, an unanswered submit and a refused one', () => {
    expect(judge({})).toEqual([]);
    expect(judge({ executions: [run, rerun], attempts: [loss] })).toEqual([]);
    const unanswered = { ...submission, colour: BLUE, idempotencyKey: undefined, acknowledged: [], observations: [] };
    expect(judge({ submissions: [submission, unanswered] })).toEqual([]);
    const executions = [run, { promptId: 'p9', colour: BLUE, startedAt: 20 }];
    const rows = [row, { requestId: 'r9', colour: BLUE, state: 'succeeded' }];
    expect(judge({ submissions: [submission, unanswered], executions, rows })).toEqual([]);
  });

  it('finds an acknowledged request that is not there', () => {
    expect(seen({ kind: 'absent', at: 60 }, ended, file)).toEqual(['lost request']);
  });

  it('finds a request that never ends, acknowledged or not', () => {
    expect(seen({ kind: 'live', at: 60, word: 'in_progress' })).toEqual(['never ended']);
    const rows = [row, { requestId: 'r9', colour: BLUE, state: 'queued' }];
    expect(judge({ rows })).toEqual(['never ended']);
  });

  it('finds a second run without a recorded loss, with a late one, and under the same prompt id', () => {
    const kind = 'run twice without a recorded loss';
    expect(judge({ executions: [run, rerun] })).toEqual([kind]);
    expect(judge({ executions: [run, rerun], attempts: [{ ...loss, endedAt: 45 }] })).toEqual([kind]);
    expect(judge({ executions: [run, rerun], attempts: [{ ...loss, outcome: 'succeeded' }] })).toEqual([kind]);
    expect(judge({ executions: [run, { ...run, startedAt: 40 }], attempts: [loss] })).toEqual([kind]);
  });

  it('finds a fourth run, however well recorded', () => {
    const executions = [1, 2, 3, 4].map((n) => ({ promptId: `p${n}`, colour: RED, startedAt: n * 10 }));
    const attempts = [1, 2, 3].map((n) => ({ ...loss, promptId: `p${n}`, endedAt: n * 10 + 5 }));
    expect(judge({ executions, attempts })).toEqual(['run too often']);
  });

  it('finds an end that changes: back to life, another outcome, another result', () => {
    expect(seen(ended, file, { kind: 'live', at: 60, word: 'in_queue' })).toEqual(['ended twice']);
    expect(seen(ended, file, { ...ended, outcome: 'failed' })).toEqual(['ended twice']);
    expect(seen(ended, file, { ...ended, digest: 'd2' })).toEqual(['ended twice']);
  });

  it('finds a success whose file is not there, is cut off or was never named', () => {
    expect(seen(ended, { ...file, content: 'absent' })).toEqual(['missing file']);
    expect(seen(ended, { ...file, content: 'unreadable' })).toEqual(['missing file']);
    expect(seen(ended)).toEqual(['missing file']);
  });

  it("finds another request's file", () => {
    expect(seen(ended, { ...file, content: BLUE })).toEqual(["another request's file"]);
  });

  it('finds a run and a success that nothing else knows of', () => {
    expect(judge({ executions: [run, { promptId: 'p9', colour: BLUE, startedAt: 20 }] })).toEqual([
      'run without a record',
    ]);
    expect(judge({ executions: [] })).toEqual(['completed without a run']);
  });

  it('finds a request that a crash failed, unless its attempts were used up', () => {
    const failed: Observation = { kind: 'ended', at: 50, outcome: 'failed', digest: 'd1', errorCode: 10012 };
    expect(seen(failed)).toEqual(['failed by a crash']);
    const attempts = [1, 2, 3].map((n) => ({ ...loss, promptId: `p${n}` }));
    const submissions = [{ ...submission, observations: [failed] }];
    const rows = [{ ...row, state: 'failed' }];
    expect(judge({ submissions, attempts, rows })).toEqual([]);
  });

  it('finds a cancel that nobody asked for, and one that was acknowledged and not heeded', () => {
    const cancelled: Observation = { kind: 'ended', at: 50, outcome: 'canceled', digest: 'd1', errorCode: undefined };
    const cancel: Observation = { kind: 'cancel', at: 30, isAcknowledged: true };
    expect(seen(cancelled)).toEqual(['cancelled by nobody']);
    expect(seen(cancel, cancelled)).toEqual([]);
    const submissions = [{ ...submission, observations: [cancel, cancelled] }];
    expect(judge({ submissions, executions: [{ ...run, startedAt: 5_000 }] })).toEqual(['run after its cancel']);
    const unheard = [{ ...submission, observations: [{ ...cancel, isAcknowledged: false }, ended, file] }];
    expect(judge({ submissions: unheard, executions: [{ ...run, startedAt: 5_000 }] })).toEqual([]);
  });

  it('finds a second run, even after a recorded loss, where the back end could have been asked', () => {
    const again = { executions: [run, rerun], attempts: [loss] };
    expect(judge({ ...again, isEachRunOnce: true })).toEqual(['run again although the back end could be asked']);
    expect(judge({ isEachRunOnce: true })).toEqual([]);
  });

  it('excuses only the error that a lying back end may lead to', () => {
    const failed: Observation = { kind: 'ended', at: 50, outcome: 'failed', digest: 'd1', errorCode: 10006 };
    const submissions = [{ ...submission, observations: [failed] }];
    const rows = [{ ...row, state: 'failed' }];
    expect(judge({ submissions, rows, excusedCodes: [10006] })).toEqual([]);
    expect(judge({ submissions, rows, excusedCodes: [10012] })).toEqual(['failed by a crash']);
  });

  it('finds two requests under one key', () => {
    expect(judge({ rows: [row, { ...row, requestId: 'r2' }] })).toEqual(['one key, two requests']);
    expect(judge({ submissions: [{ ...submission, acknowledged: ['r1', 'r2'] }] })).toEqual(['one key, two requests']);
  });

  it('finds a service that ended by itself', () => {
    expect(judge({ unexpectedEnds: ['exit code 1'] })).toEqual(['service ended by itself']);
  });

  it('finds an answer that no fault excuses', () => {
    expect(seen(ended, file, { kind: 'broken', at: 60, what: 'status 500' })).toEqual(['broken answer']);
  });
});
