// Why a deployment may have no instances.
import { expect, it } from 'vitest';
import { toMember } from './member.pure.ts';

const row = { hardware: 'GPU', queue_size: 2, min_instances: 1, max_instances: 4, keep_warm_seconds: 60 };
const open = {
  id: 'd1',
  accountId: 'a1',
  name: 'pictures',
  isEnabled: true,
  disabledCode: null,
  deletedAt: null,
  isAccountActive: true,
  row,
};
const member = (fields: Partial<Parameters<typeof toMember>[0]> = {}) =>
  toMember({ ...open, ...fields }, { key: 'deployment:d1', isScaled: true, fingerprint: 'v1 GPU' });

it('an open deployment wants what its record says', () => {
  expect(member()).toEqual({
    id: 'd1',
    accountId: 'a1',
    name: 'pictures',
    sku: 'GPU',
    fingerprint: 'v1 GPU',
    limits: { queueSize: 2, minInstances: 1, maxInstances: 4, keepWarmMs: 60_000 },
    closedBecause: undefined,
    isUnfunded: false,
  });
});

it.each([
  ['the deployment was deleted', { deletedAt: 5, isEnabled: false }],
  ['the account is deactivated', { isAccountActive: false, isEnabled: false }],
  ['the deployment is disabled', { isEnabled: false, disabledCode: 10002 }],
] as const)('it is closed because %s', (closedBecause, fields) => {
  expect(member(fields)).toMatchObject({ closedBecause, isUnfunded: false });
});

it('one without funds is not closed: what it accepted still runs', () => {
  expect(member({ isEnabled: false, disabledCode: 10001 })).toMatchObject({
    closedBecause: undefined,
    isUnfunded: true,
  });
});
