import { expect, it } from 'vitest';
import { chooseNext, type LaneView } from './assign.pure.ts';

const lane = (deploymentId: string, fields: Partial<LaneView> = {}): LaneView => ({
  accountId: 'a1',
  deploymentId,
  headPriority: 0,
  headCreatedAt: 0,
  otherInstances: 0,
  maxInstances: 1,
  ...fields,
});

const used = (usage: Record<string, number> = {}) => ({ usedMs: (id: string) => usage[id] ?? 0 });
const chosen = (lanes: LaneView[], usage: Record<string, number> = {}) => chooseNext(lanes, used(usage));

it('nobody runs when nobody waits', () => {
  expect(chosen([])).toBeUndefined();
});

it('the only one that waits runs', () => {
  expect(chosen([lane('d1')])).toEqual({ deploymentId: 'd1', because: 'only one waiting' });
});

it('who came first runs first', () => {
  const lanes = [
    lane('late', { headCreatedAt: 9 }),
    lane('early', { headCreatedAt: 3 }),
    lane('mid', { headCreatedAt: 5 }),
  ];
  expect(chosen(lanes)?.deploymentId).toBe('early');
  expect(chosen([...lanes].reverse())?.deploymentId).toBe('early');
});

it('priority goes before age, inside an account', () => {
  const lanes = [lane('old', { headCreatedAt: 1 }), lane('urgent', { headCreatedAt: 9, headPriority: 1 })];
  expect(chosen(lanes)).toEqual({ deploymentId: 'urgent', because: 'priority' });
});

it('priority gains nothing against another account', () => {
  const lanes = [
    lane('mine', { headPriority: 1, headCreatedAt: 9 }),
    lane('theirs', { accountId: 'a2', headCreatedAt: 1 }),
  ];
  expect(chosen(lanes)?.deploymentId).toBe('theirs');
});

it('the account that used less goes first, however long the other has waited', () => {
  const lanes = [lane('flood', { headCreatedAt: 1 }), lane('rare', { accountId: 'a2', headCreatedAt: 9 })];
  expect(chosen(lanes, { a1: 5_000, a2: 4_000 })).toEqual({ deploymentId: 'rare', because: 'least used account' });
  expect(chosen(lanes, { a1: 4_000, a2: 5_000 })?.deploymentId).toBe('flood');
});

it('a deployment that is on as many other instances as it may be has to wait', () => {
  const lanes = [lane('full', { otherInstances: 2, maxInstances: 2 }), lane('free', { headCreatedAt: 9 })];
  expect(chosen(lanes)).toEqual({ deploymentId: 'free', because: 'only one waiting' });
  expect(chosen([lane('full', { otherInstances: 1 })])).toBeUndefined();
});

it('priority holds inside an account also while another has used as little, in whatever order they are looked at', () => {
  const urgent = lane('urgent', { headPriority: 9, headCreatedAt: 3 });
  const plain = lane('plain', { headCreatedAt: 1 });
  const theirs = lane('theirs', { accountId: 'a2', headCreatedAt: 2 });
  for (const lanes of [
    [urgent, theirs, plain],
    [plain, theirs, urgent],
    [theirs, urgent, plain],
    [plain, urgent, theirs],
  ])
    expect(chosen(lanes)).toEqual({ deploymentId: 'urgent', because: 'priority' });
});
