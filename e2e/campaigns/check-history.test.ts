import { describe, expect, it } from 'vitest';
import { findViolations } from './check-history.pure.ts';
import type {
  Attempt,
  Execution,
  History,
  KeptFile,
  LedgerEntry,
  Money,
  Observation,
  Reception,
  Row,
  Strike,
  Submission,
  Violation,
} from './history.pure.ts';

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

  it('passes the run of a lost attempt that an instance comes to after the next one, and no other order', () => {
    const attempts: Attempt[] = [
      { ...loss, epoch: 1, endedAt: 30 },
      { ...loss, promptId: 'p2', epoch: 2, outcome: 'succeeded', endedAt: 60 },
    ];
    const late = [
      { ...rerun, startedAt: 40 },
      { ...run, startedAt: 50 },
    ];
    expect(judge({ executions: late, attempts })).toEqual([]);
    const tooEarly = [{ ...rerun, startedAt: 20 }, late[1] ?? run];
    expect(judge({ executions: tooEarly, attempts })).toEqual(['run twice without a recorded loss']);
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

  it('excuses a run after its cancel only where its prompt was seen to go before it, to an instance that stood still', () => {
    const cancelled: Observation = {
      kind: 'ended',
      at: 9_000,
      outcome: 'canceled',
      digest: 'd1',
      errorCode: undefined,
    };
    const cancel: Observation = { kind: 'cancel', at: 3_000, isAcknowledged: true };
    const submissions = [{ ...submission, observations: [cancel, cancelled] }];
    const attempts: Attempt[] = [{ ...loss, instanceId: 'i1', outcome: 'cancelled', endedAt: 9_000 }];
    const executions = [{ ...run, startedAt: 40_500 }];
    const still = { instanceId: 'i1', from: 2_000, until: 40_000 };
    const sending = { promptId: 'p1', at: 2_900 };
    const of = (part: Partial<History>) =>
      judge({ submissions, attempts, executions, sendings: [sending], standstills: [still], ...part });
    expect(of({})).toEqual([]);
    const found = ['run after its cancel'];
    expect(of({ sendings: [{ ...sending, at: 3_200 }] })).toEqual(found);
    expect(of({ sendings: [{ ...sending, promptId: 'p2' }] })).toEqual(found);
    expect(of({ sendings: [] })).toEqual(found);
    expect(of({ standstills: [] })).toEqual(found);
    expect(of({ standstills: [{ ...still, instanceId: 'i2' }] })).toEqual(found);
    expect(of({ standstills: [{ ...still, until: 30_000 }] })).toEqual(found);
    expect(of({ standstills: [{ ...still, from: 20_000 }] })).toEqual(found);
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

  it('finds what is told of one account to another', () => {
    expect(seen(ended, file, { kind: 'foreign', at: 60, what: 'a result' })).toEqual(["another account's data"]);
  });

  it('finds bytes that are not those on record', () => {
    const observations: Observation[] = [ended, { ...file, sha256: 'aa' }];
    const submissions = [{ ...submission, observations }];
    expect(judge({ submissions, files: [{ requestId: 'r1', sha256: 'aa' }] })).toEqual([]);
    expect(judge({ submissions, files: [{ requestId: 'r1', sha256: 'bb' }] })).toEqual(['altered file']);
    expect(judge({ submissions, files: [{ requestId: 'r2', sha256: 'aa' }] })).toEqual(['altered file']);
  });

  it('finds a file that the storage does not have, has otherwise, or had only after the end', () => {
    const stored = [{ requestId: 'r1', sha256: 'aa', storageKey: 'out-1', endedAt: 50 }];
    const of = (...kept: KeptFile[]) => judge({ files: stored, kept });
    expect(of({ storageKey: 'out-1', sha256: 'aa', sinceMs: 50 })).toEqual([]);
    expect(of()).toEqual(['missing file']);
    expect(of({ storageKey: 'out-1', sha256: 'bb', sinceMs: 50 })).toEqual(['altered file']);
    expect(of({ storageKey: 'out-1', sha256: 'aa', sinceMs: 51 })).toEqual(['missing file']);
    expect(judge({ files: stored })).toEqual([]);
    expect(judge({ files: [{ requestId: 'r1', sha256: 'aa' }], kept: [] })).toEqual([]);
  });

  it("finds a picture that came with the request and is another's", () => {
    expect(seen(ended, file, { ...file, content: 1, wanted: 1 })).toEqual([]);
    expect(seen(ended, file, { ...file, content: 2, wanted: 1 })).toEqual(["another request's file"]);
  });

  it('finds a late writer: two attempts that succeeded, or the file of one that was given up', () => {
    const won: Attempt = { ...loss, promptId: 'p2', epoch: 2, outcome: 'succeeded', endedAt: 60 };
    const attempts = [{ ...loss, epoch: 1 }, won];
    const executions = [run, rerun];
    const given = (epoch: number) => [{ ...submission, observations: [ended, { ...file, epoch }] }];
    expect(judge({ attempts, executions, submissions: given(2) })).toEqual([]);
    expect(judge({ attempts, executions, submissions: given(1) })).toEqual(["another run's file"]);
    // A hand-over goes on with the same run under the next epoch.
    expect(judge({ attempts: [won], submissions: given(1) })).toEqual([]);
    const twice = [{ ...loss, epoch: 1, outcome: 'succeeded' }, won];
    expect(judge({ attempts: twice })).toEqual(['two results']);
  });

  it('finds who begins long after those who came later, unless an attempt of its own was lost', () => {
    const line = Array.from({ length: 10 }, (_, index): Submission => {
      const at = index * 10;
      return {
        ...submission,
        colour: index,
        idempotencyKey: undefined,
        acknowledged: [`q${index}`],
        sentAt: at,
        acknowledgedAt: at + 1,
      };
    });
    const executions = line.map(({ colour }) => ({ promptId: `p${colour}`, colour, startedAt: 1_000 + colour }));
    const late = executions.map((each) => (each.colour === 0 ? { ...each, startedAt: 2_000 } : each));
    const of = (part: Partial<History>) =>
      judge({ submissions: line, rows: [], orderSlack: 5, ...part }).filter((kind) => kind === 'out of order');
    expect(of({ executions })).toEqual([]);
    expect(of({ executions: late })).toEqual(['out of order']);
    expect(of({ executions: late, attempts: [{ ...loss, requestId: 'q0' }] })).toEqual([]);
    const kinds = line.map((each) => (each.colour === 0 ? { ...each, kind: 'media' as const } : each));
    expect(of({ executions: late, submissions: kinds })).toEqual([]);
  });

  it('finds a standstill that was noticed too late', () => {
    const standstills = [{ instanceId: 'i1', from: 10_000, until: 50_000 }];
    const given = { ...loss, instanceId: 'i1', startedAt: 9_000 };
    const of = (endedAt: number) => judge({ standstills, attempts: [{ ...given, endedAt }] });
    expect(of(39_000)).toEqual([]);
    expect(of(41_000)).toEqual(['too late']);
    expect(
      judge({
        standstills: [{ ...standstills[0], instanceId: 'i1', from: 10_000, until: 39_000 }],
        attempts: [{ ...given, endedAt: 41_000 }],
      }),
    ).toEqual([]);
  });

  it('finds what was given to an instance while it stood still, or to a dead worker, and given up too late', () => {
    const standstills = [{ instanceId: 'i1', from: 10_000, until: 55_000 }];
    const given = { ...loss, instanceId: 'i1', startedAt: 18_000 };
    expect(judge({ standstills, attempts: [{ ...given, endedAt: 47_000 }] })).toEqual([]);
    expect(judge({ standstills, attempts: [{ ...given, endedAt: 49_000 }] })).toEqual(['too late']);
    const strikes: Strike[] = [{ fault: 'zombie', how: undefined, promptId: 'p1', at: 10_000 }];
    expect(judge({ strikes, attempts: [{ ...loss, endedAt: 39_000 }] })).toEqual([]);
    expect(judge({ strikes, attempts: [{ ...loss, endedAt: 41_000 }] })).toEqual(['too late']);
  });

  it('finds a time over its bar', () => {
    expect(judge({ measures: [{ what: 'the start', ms: 2_900, barMs: 3_000 }] })).toEqual([]);
    expect(judge({ measures: [{ what: 'the start', ms: 3_100, barMs: 3_000 }] })).toEqual(['too late']);
  });

  it('finds a request that killed more instances than it has attempts', () => {
    const submissions = [{ ...submission, kind: 'poison' as const }];
    const strike = (promptId: string): Strike => ({ fault: 'crash', how: 'start', promptId, at: 25 });
    const attempts = [1, 2, 3, 4].map((n) => ({ ...loss, promptId: `p${n}` }));
    const of = (count: number) =>
      judge({ submissions, attempts, strikes: Array.from({ length: count }, (_, n) => strike(`p${n + 1}`)) });
    expect(of(3)).toEqual([]);
    expect(of(4)).toEqual(['killed too many']);
    // One prompt of the four is not on record.
    const strikes = attempts.map(({ promptId = '' }) => strike(promptId));
    const executions = [{ ...run, promptId: 'p4' }];
    const found = judge({ submissions, attempts: attempts.slice(0, 3), strikes, executions });
    expect(found).toContain('killed too many');
  });
});

describe('the judge of what is owed and kept', () => {
  const interval = (fromMs: number, durationMs: number): LedgerEntry => ({
    ...{ accountId: 'a', kind: 'interval', microdollars: -1, instanceId: 'i1', fromMs, durationMs },
  });
  const funds: LedgerEntry = { accountId: 'a', kind: 'credit', microdollars: 100 };
  const bill: LedgerEntry = { accountId: 'a', kind: 'run', microdollars: -10, requestId: 'r1' };
  const money = (part: Partial<Money>): Partial<History> => ({
    money: { ledger: [funds, bill], balances: new Map([['a', 90]]), openMeters: [], ...part },
  });

  it('finds money that does not add up, is taken twice, or goes on being taken', () => {
    expect(judge(money({}))).toEqual([]);
    expect(judge(money({ balances: new Map([['a', 91]]) }))).toEqual(['money does not add up']);
    expect(judge(money({ ledger: [funds, bill, bill], balances: new Map([['a', 80]]) }))).toEqual(['billed twice']);
    expect(judge(money({ openMeters: ['i1'] }))).toEqual(['bill left open']);
  });

  it('finds intervals of an instance that overlap', () => {
    const of = (...ledger: LedgerEntry[]) => judge(money({ ledger, balances: new Map() }));
    expect(of(interval(0, 10), interval(10, 5))).toEqual([]);
    expect(of(interval(10, 5), interval(0, 11))).toEqual(['billed twice']);
  });

  it('finds a webhook that did not come, came untrue, or came as two', () => {
    const submissions = [{ ...submission, isWebhookWanted: true }];
    const post: Reception = { webhookId: 'w1', requestId: 'r1', status: 'succeeded', isAcknowledged: true };
    const of = (...receptions: Reception[]) => judge({ submissions, receptions });
    expect(of(post)).toEqual([]);
    expect(of({ ...post, isAcknowledged: false }, post, post)).toEqual([]);
    expect(of()).toEqual(['webhook not delivered']);
    expect(of({ ...post, isAcknowledged: false })).toEqual(['webhook not delivered']);
    expect(of({ ...post, status: 'failed' })).toEqual(['webhook untrue']);
    expect(of(post, { ...post, webhookId: 'w2' })).toEqual(['webhook untrue']);
    const deliveries = [{ requestId: 'r1', status: 'failed' }];
    expect(judge({ submissions, receptions: [], deliveries })).toEqual([]);
  });

  it('finds instances without a record, records without an instance, and too many', () => {
    const fleet = { orphans: [], ghosts: [], overMaximum: [] };
    expect(judge({ fleet })).toEqual([]);
    expect(judge({ fleet: { ...fleet, orphans: ['process 7'] } })).toEqual(['instance without a record']);
    expect(judge({ fleet: { ...fleet, ghosts: ['i1'] } })).toEqual(['record without an instance']);
    expect(judge({ fleet: { ...fleet, overMaximum: ['9 of 8'] } })).toEqual(['too many instances']);
  });

  it('finds a secret in a log, and what a storm left behind', () => {
    expect(judge({ leaks: ['service.log has a token'] })).toEqual(['secret told']);
    const held = { what: 'descriptors', before: 50, after: 60, allowance: 10 };
    expect(judge({ leftovers: [held] })).toEqual([]);
    expect(judge({ leftovers: [{ ...held, after: 61 }] })).toEqual(['left behind']);
  });

  it('passes on what a campaign itself saw', () => {
    expect(judge({ complaints: ['it does not say why'] })).toEqual(['against the rules of this campaign']);
  });
});
