// What several deployments of a pool want together.
import { expect, it } from 'vitest';
import { makeMember } from '../../testing/make-member.ts';
import { combineMembers, type MemberDemand, type SeenInstance } from './combine-members.pure.ts';
import { NOTHING_LEARNED } from './keep-warm.pure.ts';

const REST = { coldStartMs: 1_000, memory: NOTHING_LEARNED, failedStarts: undefined, warmUp: undefined };

const seen = (id: string, fields: Partial<SeenInstance> = {}): SeenInstance => ({
  id,
  phase: 'ready',
  since: 5,
  fingerprint: 'f',
  pending: 0,
  lastUsedAt: undefined,
  ...fields,
});
const combine = (members: MemberDemand[], instances: SeenInstance[] = []) => combineMembers(members, instances, REST);

it('minimum and maximum are the sums, keep-warm is the longest, and queue_size is that of those with requests', () => {
  const limits = { minInstances: 1, maxInstances: 2, keepWarmMs: 5_000 };
  const busy = makeMember('busy', { ...limits, queueSize: 4, waiting: 3 });
  const idle = makeMember('idle', { ...limits, queueSize: 1, keepWarmMs: 9_000 });
  expect(combine([busy, idle]).limits).toEqual({ queueSize: 4, minInstances: 2, maxInstances: 4, keepWarmMs: 9_000 });
});

it('none causes more instances than it may use itself', () => {
  const greedy = makeMember('greedy', { waiting: 50, maxInstances: 2, queueSize: 3 });
  expect(combine([greedy, makeMember('other')]).waiting).toBe(6);
  expect(combine([greedy]).waiting).toBe(50);
});

it('what was given ahead to a busy instance waits still, and is told apart', () => {
  const instances = [seen('one', { pending: 3 }), seen('two', { pending: 1 })];
  expect(combine([makeMember('plain', { waiting: 1 })], instances)).toMatchObject({ waiting: 3, givenAhead: 2 });
});

it('one without funds ends what it accepted, and keeps nothing for later', () => {
  const unfunded = makeMember('unfunded', { isUnfunded: true, minInstances: 1 });
  const whyDisabled = 'the funds do not allow new runs';
  expect(combine([unfunded], [seen('idle')])).toMatchObject({ isEnabled: false, whyDisabled });
  expect(combine([unfunded], [seen('busy', { pending: 1 })])).toMatchObject({
    isEnabled: true,
    limits: { minInstances: 0, keepWarmMs: 0 },
  });
  expect(combine([{ ...unfunded, waiting: 1 }]).isEnabled).toBe(true);
});

it('a pool of which all are closed says why', () => {
  const closed = makeMember('closed', { closedBecause: 'the deployment is disabled' });
  expect(combine([closed]).whyDisabled).toBe('the deployment is disabled');
  expect(combine([])).toMatchObject({ isEnabled: false, whyDisabled: 'no deployment uses it any more' });
});

it('an instance made from what is no longer wanted is outdated, and one that was lost is expected back', () => {
  const { instances } = combine(
    [makeMember('plain')],
    [seen('old', { fingerprint: 'before' }), seen('lost', { phase: 'lost' })],
  );
  expect(instances).toMatchObject([
    { id: 'old', isCurrent: false },
    { id: 'lost', phase: 'starting', isCurrent: true },
  ]);
});
