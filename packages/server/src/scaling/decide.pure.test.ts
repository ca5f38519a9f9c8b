import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decideScale, type ScaledInstance, type ScaleLimits, type ScaleState } from './decide.pure.ts';
import { noteAnswer, UNASKED } from './funds.pure.ts';
import { NOTHING_LEARNED } from './keep-warm.pure.ts';

const NOW = 1_000_000;
const LIMITS: ScaleLimits = { queueSize: 1, minInstances: 0, maxInstances: 10, keepWarmMs: 60_000 };

const state = (fields: Partial<Omit<ScaleState, 'limits'>> & { limits?: Partial<ScaleLimits> } = {}): ScaleState => ({
  isEnabled: true,
  waiting: 0,
  instances: [],
  coldStartMs: 60_000,
  memory: NOTHING_LEARNED,
  failedStarts: undefined,
  warmUp: undefined,
  ...fields,
  limits: { ...LIMITS, ...fields.limits },
});

const instance = (id: string, fields: Partial<ScaledInstance> = {}): ScaledInstance => ({
  id,
  phase: 'ready',
  since: 0,
  running: 0,
  idleSince: NOW,
  isCurrent: true,
  ...fields,
});
const busy = (id: string, fields: Partial<ScaledInstance> = {}) => instance(id, { running: 1, ...fields });
const starting = (id: string, fields: Partial<ScaledInstance> = {}) => instance(id, { phase: 'starting', ...fields });
const many = (count: number, make: (id: string) => ScaledInstance) =>
  Array.from({ length: count }, (_, index) => make(`i${index}`));

const decide = (of: Parameters<typeof state>[0], now = NOW) => decideScale(state(of), now);
const drained = (of: Parameters<typeof state>[0], now = NOW) => decide(of, now).drain.map(({ id }) => id);

it('a burst at zero asks for one instance per queue_size requests, up to the maximum', () => {
  for (const queueSize of [1, 2, 5]) {
    for (const waiting of [1, 2, 5, 20]) {
      const { start } = decide({ waiting, limits: { queueSize } });
      expect(start).toBe(Math.min(10, Math.ceil(waiting / queueSize)));
    }
  }
});

it('says why it starts instances', () => {
  expect(decide({ waiting: 20 }).reasons).toEqual([
    '20 waiting for 0 instances, queue_size 1: 20 wanted',
    'max_instances is 10',
  ]);
});

it('a queue of queue_size per instance adds nothing, one more does', () => {
  const instances = many(2, busy);
  expect(decide({ waiting: 4, instances, limits: { queueSize: 2 } }).start).toBe(0);
  expect(decide({ waiting: 5, instances, limits: { queueSize: 2 } }).start).toBe(1);
});

it('with queue_size 0 every waiting request gets an instance', () => {
  const limits = { queueSize: 0 };
  expect(decide({ waiting: 2, instances: many(3, busy), limits })).toMatchObject({ start: 2, target: 5 });
  expect(decide({ waiting: 2, instances: [busy('a'), starting('b'), starting('c')], limits }).start).toBe(0);
});

it('instances that start already are not asked for twice', () => {
  expect(decide({ waiting: 5, instances: many(5, starting) })).toMatchObject({ start: 0, drain: [], target: 5 });
});

it('the minimum is there without any request, and never dropped', () => {
  const limits = { minInstances: 2 };
  expect(decide({ limits })).toMatchObject({ start: 2, reasons: ['min_instances is 2'] });
  expect(drained({ instances: many(2, (id) => instance(id, { idleSince: 0 })), limits })).toEqual([]);
});

it('a warm-up call brings instances until its time is over', () => {
  const warmUp = { instances: 3, until: NOW + 5_000 };
  expect(decide({ warmUp })).toMatchObject({ start: 3, checkAt: NOW + 5_000 });
  expect(decide({ warmUp }, NOW + 5_000).start).toBe(0);
});

it('the instance used last stays for the whole keep-warm duration, and asks to be looked at then', () => {
  const instances = [instance('a', { idleSince: NOW - 59_999 })];
  expect(decide({ instances })).toMatchObject({ drain: [], checkAt: NOW + 1 });
  expect(decide({ instances }, NOW + 1).drain).toEqual([{ id: 'a', because: 'idle for 60 s: keep-warm is over' }]);
});

it('of several idle ones those that nothing needs go earlier, the one used last never does', () => {
  // 20 gaps of more than 20 minutes: a second instance is hardly ever needed again soon.
  const memory = { gapWeights: [...new Array<number>(15).fill(0), 20], stoppedIdleSince: [] };
  const instances = [instance('old', { idleSince: NOW - 2_000 }), instance('new', { idleSince: NOW - 1_000 })];
  expect(drained({ instances, memory })).toEqual(['old']);
});

it('while nothing is known of gaps, those that more others were used after go sooner', () => {
  // Starts take a minute: the one before the last stays for that, the third for half of it.
  const idle = ['third', 'second', 'last'].map((id, index) => instance(id, { idleSince: NOW - 30_003 + index }));
  expect(drained({ instances: idle, coldStartMs: 60_000, limits: { keepWarmMs: 60_000 } })).toEqual(['third']);
});

it('asked again at the moment it named, it does what it waited for', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.integer({ min: 1, max: 1e6 }),
      (idleSince, keepWarmMs) => {
        const of = { instances: [instance('a', { idleSince })], limits: { keepWarmMs } };
        const { checkAt } = decide(of, idleSince);
        expect(drained(of, checkAt)).toEqual(['a']);
      },
    ),
  );
});

it('after failed starts it pauses, twice as long each time, and then tries one', () => {
  const failedStarts = { count: 3, lastAt: NOW, cause: 'ImagePullBackOff' };
  expect(decide({ waiting: 5, failedStarts })).toMatchObject({ start: 0, checkAt: NOW + 4_000 });
  expect(decide({ waiting: 5, failedStarts }).reasons.at(-1)).toBe(
    '3 failed starts in a row (ImagePullBackOff): next attempt in 4 s',
  );
  expect(decide({ waiting: 5, failedStarts }, NOW + 4_000).start).toBe(1);
  // The clock was set back.
  expect(decide({ waiting: 5, failedStarts }, NOW - 3_600_000).start).toBe(1);
  expect(decide({ waiting: 5, failedStarts, instances: [starting('a')] }, NOW + 4_000).start).toBe(0);
});

it('a disabled deployment drains everything', () => {
  const instances = [busy('a'), starting('b'), instance('c', { phase: 'draining' })];
  expect(decide({ isEnabled: false, waiting: 3, instances })).toMatchObject({ target: 0, start: 0 });
  expect(drained({ isEnabled: false, instances })).toEqual(['a', 'b']);
});

it('a lowered maximum acts at once: idle ones go first, busy ones take no more', () => {
  const instances = [busy('a'), instance('b'), starting('c'), busy('d')];
  expect(drained({ instances, limits: { maxInstances: 2 } })).toEqual(['c', 'b']);
  expect(decide({ instances, waiting: 9, limits: { maxInstances: 1 } })).toMatchObject({ start: 0, target: 1 });
  expect(drained({ instances, waiting: 9, limits: { maxInstances: 1 } })).toEqual(['c', 'b', 'a']);
});

it('a new version starts beside the running work, and takes over once it is ready', () => {
  const old = busy('old', { isCurrent: false });
  expect(decide({ waiting: 1, instances: [old] })).toMatchObject({ start: 1, drain: [] });
  expect(drained({ waiting: 1, instances: [old, starting('new')] })).toEqual([]);
  expect(drained({ instances: [old, instance('new')] })).toEqual(['old']);
  expect(drained({ instances: [instance('idle', { isCurrent: false })] })).toEqual(['idle']);
});

it('at the maximum an outdated instance gives its place when its run has ended', () => {
  const limits = { maxInstances: 1 };
  const old = busy('old', { isCurrent: false });
  expect(decide({ waiting: 1, instances: [old], limits })).toMatchObject({ start: 0, drain: [{ id: 'old' }] });
  expect(decide({ waiting: 1, instances: [{ ...old, phase: 'draining' }], limits })).toMatchObject({
    start: 0,
    drain: [],
  });
});

const anyInstance = fc.record({
  phase: fc.constantFrom('starting' as const, 'ready' as const, 'draining' as const),
  since: fc.integer({ min: 0, max: NOW }),
  running: fc.integer({ min: 0, max: 2 }),
  idleSince: fc.integer({ min: 0, max: NOW }),
  isCurrent: fc.boolean(),
});

it('there are never more than the maximum, whatever it sees, and it never starts and drops at once without a roll-over', () => {
  fc.assert(
    fc.property(fc.array(anyInstance, { maxLength: 12 }), fc.nat(30), fc.nat(4), (views, waiting, queueSize) => {
      const instances = views.map((view, index) => ({ ...view, id: `i${index}` }));
      const decision = decide({ instances, waiting, limits: { queueSize } });
      expect(decision.start).toBeLessThanOrEqual(Math.max(0, 10 - instances.length));
      const isDroppingCurrent = decision.drain.some(({ id }) => instances.find((each) => each.id === id)?.isCurrent);
      if (decision.start > 0) expect(isDroppingCurrent).toBe(false);
      if (decision.start > 0 || decision.drain.length > 0) expect(decision.reasons.length).toBeGreaterThan(0);
      expect(new Set(decision.drain.map(({ id }) => id)).size).toBe(decision.drain.length);
    }),
  );
});

it('of a hardware without room it asks for as many as there is room for, and says what takes the rest', () => {
  const room = { left: 1, because: 'no GPU is free' };
  const decision = decide({ waiting: 3, instances: [busy('a')], room });
  expect(decision).toMatchObject({ start: 1, shortOf: 'no GPU is free' });
  expect(decision.reasons).toContain('no GPU is free');
  expect(decide({ waiting: 2, instances: [busy('a')], room }).shortOf).toBeUndefined();
  expect(decide({ waiting: 3, limits: { maxInstances: 1 }, room: { ...room, left: 5 } })).toMatchObject({
    start: 1,
    shortOf: undefined,
  });
  expect(drained({ instances: many(2, busy), room: { ...room, left: 0 } })).toEqual([]);
});

it('a start that nothing waits for any more is given up once it takes twice the usual time', () => {
  const instances = [starting('new', { since: NOW - 1_000 }), starting('old', { since: NOW - 120_000 })];
  expect(decide({ instances })).toMatchObject({
    target: 1,
    drain: [{ id: 'old', because: 'starting for 120 s, and nothing waits for it any more' }],
    checkAt: NOW + 119_000,
  });
  expect(drained({ instances, waiting: 2 })).toEqual([]);
  expect(drained({ instances, limits: { minInstances: 2 } })).toEqual([]);
  expect(drained({ instances, limits: { keepWarmMs: 180_000 } })).toEqual([]);
});

it('what no request waits for starts only once the account is known to be able to pay for it, and the target says so', () => {
  const limits = { minInstances: 2 };
  const because = 'whether the account can pay is being asked';
  expect(decide({ limits, funds: UNASKED })).toMatchObject({
    start: 0,
    target: 0,
    reasons: ['min_instances is 2', because],
    unpaid: because,
    asksFunds: true,
  });
  expect(decide({ limits, funds: UNASKED, waiting: 1, instances: [busy('a')] })).toMatchObject({ start: 0, target: 1 });
  expect(decide({ limits, funds: UNASKED, waiting: 1 })).toMatchObject({ start: 1, target: 1, asksFunds: true });
  expect(decide({ limits, funds: noteAnswer(true, NOW) })).toMatchObject({ start: 2, target: 2, asksFunds: false });
  expect(decide({ waiting: 2, funds: UNASKED })).toMatchObject({ start: 2, asksFunds: false });
});

it('nobody is asked for funds while nothing would start anyway', () => {
  const limits = { minInstances: 2 };
  const failedStarts = { count: 3, lastAt: NOW, cause: 'ImagePullBackOff' };
  expect(decide({ limits, funds: UNASKED, failedStarts })).toMatchObject({ asksFunds: false, checkAt: NOW + 4_000 });
  expect(decide({ limits, funds: UNASKED, instances: many(2, starting) }).asksFunds).toBe(false);
  expect(decide({ limits, funds: UNASKED, room: { left: 0, because: 'no GPU is free' } }).asksFunds).toBe(false);
});

it('says how many of those that wait were given ahead to a busy instance', () => {
  expect(decide({ waiting: 3, givenAhead: 2, instances: [busy('a')] }).reasons).toEqual([
    '3 waiting (2 of them given ahead) for 1 instances, queue_size 1: 3 wanted',
  ]);
});
