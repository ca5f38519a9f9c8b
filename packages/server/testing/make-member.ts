// A deployment as the scaling of its pool sees it, for tests of scaling's pure parts.
import type { MemberDemand } from '../src/scaling/combine-members.pure.ts';

type Given = Partial<Omit<MemberDemand, 'limits'>> & Partial<MemberDemand['limits']>;

export function makeMember(id: string, given: Given = {}): MemberDemand {
  const { minInstances = 0, maxInstances = 3, queueSize = 1, keepWarmMs = 60_000, ...rest } = given;
  return {
    id,
    accountId: 'account',
    name: id,
    sku: 'AMPERE_24',
    fingerprint: 'f',
    limits: { queueSize, minInstances, maxInstances, keepWarmMs },
    closedBecause: undefined,
    isUnfunded: false,
    waiting: 0,
    ...rest,
  };
}
