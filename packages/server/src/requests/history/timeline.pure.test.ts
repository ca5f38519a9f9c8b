import { expect, it } from 'vitest';
import { MOVED, type Report } from '../report.pure.ts';
import { explain, listPhases, type SeenAttempt } from './timeline.pure.ts';

const report = (fields: Partial<Report>): Report => ({
  because: 'first come',
  waiting: 2,
  readyAt: 0,
  nodes: [],
  ...fields,
});
const attempt = (fields: Partial<SeenAttempt>): SeenAttempt => ({
  number: 1,
  instanceId: 'i1',
  startedAt: undefined,
  endedAt: undefined,
  outcome: undefined,
  cause: undefined,
  report: undefined,
  ...fields,
});
const phases = (life: Parameters<typeof listPhases>[0]) =>
  listPhases(life).map(({ phase, from, until }) => [phase, from, until]);

it('has every phase of a run that waited for its instance to start and had media', () => {
  const ran = attempt({
    startedAt: 900,
    endedAt: 2_000,
    outcome: 'succeeded',
    report: report({ readyAt: 500, leasedAt: 510, media: [520, 800], runEndedAt: 1_900 }),
  });
  expect(phases({ createdAt: 100, finishedAt: 2_000, attempts: [ran], now: 9_999 })).toEqual([
    ['cold_start', 100, 500],
    ['queued', 500, 520],
    ['media', 520, 800],
    ['queued', 800, 900],
    ['run', 900, 1_900],
    ['upload', 1_900, 2_000],
  ]);
});

it('goes on after an attempt that was lost, and says why it waited again', () => {
  const lost = attempt({
    startedAt: 200,
    endedAt: 300,
    outcome: 'lost',
    cause: 'it crashed',
    report: report({ leasedAt: 150 }),
  });
  const second = attempt({
    number: 2,
    instanceId: 'i2',
    startedAt: 450,
    report: report({ leasedAt: 400, because: 'priority' }),
  });
  const life = { createdAt: 100, finishedAt: undefined, attempts: [lost, second], now: 600 };
  expect(phases(life)).toEqual([
    ['queued', 100, 200],
    ['run', 200, 300],
    ['queued', 300, 450],
    ['run', 450, 600],
  ]);
  expect(explain(life).join('\n')).toMatch(/longest; 2 more waited.*\n.*lost: it crashed.*\n.*highest priority/);
});

it('of a request that never was given to an instance is waiting alone', () => {
  expect(phases({ createdAt: 100, finishedAt: 400, attempts: [], now: 500 })).toEqual([['queued', 100, 400]]);
});

it('has no gap and no overlap, whatever the clocks said', () => {
  const odd = attempt({
    startedAt: 50,
    endedAt: 400,
    outcome: 'succeeded',
    report: report({ readyAt: 900, leasedAt: 90, media: [500, 450], runEndedAt: 1_000 }),
  });
  const listed = listPhases({ createdAt: 100, finishedAt: 400, attempts: [odd], now: 500 });
  expect(listed[0]?.from).toBe(100);
  expect(listed.at(-1)?.until).toBe(400);
  for (const [index, { from }] of listed.entries()) if (index > 0) expect(from).toBe(listed[index - 1]?.until);
});

it('says in one sentence that a run found nobody before it', () => {
  const alone = attempt({ report: report({ leasedAt: 150, because: 'only one waiting', waiting: 0 }) });
  expect(explain({ createdAt: 100, finishedAt: undefined, attempts: [alone], now: 200 })).toEqual([
    expect.stringMatching(/: nobody else waited\.$/),
  ]);
});

it('says why there, when others were before it on the instance', () => {
  const told = (given: Partial<Report>) =>
    explain({ createdAt: 100, finishedAt: undefined, attempts: [attempt({ report: report(given) })], now: 200 });
  expect(told({ ahead: 1, whyThere: 'fewest before it' }).at(-1)).toBe(
    'One request was before it there: no instance that it may run on was idle, and of those with room none had fewer.',
  );
  expect(told({ ahead: 2, whyThere: 'its models' }).at(-1)).toBe(
    '2 requests were before it there: its models are loaded there by then.',
  );
  expect(told({ ahead: 2, whyThere: 'max_instances' }).at(-1)).toMatch(
    /^2 requests .* \(max_instances\), and this was one of them/,
  );
  expect(told({})).toHaveLength(1);
});

it('does not call a planned move a loss', () => {
  const moved = attempt({ endedAt: 300, outcome: 'lost', cause: MOVED });
  expect(explain({ createdAt: 100, finishedAt: undefined, attempts: [moved], now: 400 })).toEqual([
    'Attempt 1 was moved to an idle instance before it was sent.',
  ]);
});

it('does not call an instance gone that a request was never sent to', () => {
  const cancelled = attempt({ instanceId: undefined, endedAt: 600, report: report({ readyAt: 300, leasedAt: 400 }) });
  expect(explain({ createdAt: 100, finishedAt: 600, attempts: [cancelled], now: 700 })).toEqual([
    'It waited 0.2 s for an instance to become ready.',
    'Attempt 1 was given to an instance after 0.3 s: it had waited the longest; 2 more waited.',
  ]);
});
