import { expect, it } from 'vitest';
import { findExcess, type Grant, type GrantWish, judgeGrant } from './grant.pure.ts';

const NOW = 1_000_000;
const FULL: Grant = {
  scopes: ['run', 'read', 'manage', 'admin'],
  expiresAt: undefined,
  spendingLimitMicrodollars: undefined,
};
const UNLIMITED: Grant = { scopes: ['run', 'manage'], expiresAt: NOW + 500, spendingLimitMicrodollars: undefined };
const BOUND: Grant = { scopes: ['run', 'manage'], expiresAt: NOW + 500, spendingLimitMicrodollars: 2_000_000 };
const wish = (given: Partial<GrantWish> = {}): GrantWish => ({
  scopes: undefined,
  expiresAt: undefined,
  spendingLimitMicrodollars: undefined,
  ...given,
});
const judge = (given: Partial<GrantWish>, maker: Grant | undefined, role: 'admin' | 'member' = 'admin') =>
  judgeGrant(wish(given), { now: NOW, role, maker });

it('what is left out is what the maker has, without admin', () => {
  expect(judge({}, FULL)).toMatchObject({ grant: { ...FULL, scopes: ['run', 'read', 'manage'] } });
  expect(judge({}, UNLIMITED)).toMatchObject({ grant: UNLIMITED });
  expect(judge({ scopes: ['manage'] }, BOUND)).toMatchObject({ grant: { ...BOUND, scopes: ['manage'] } });
  expect(judge({}, undefined, 'member')).toMatchObject({ grant: { ...FULL, scopes: ['run', 'read', 'manage'] } });
});

it('scopes come out once each and in one order', () => {
  expect(judge({ scopes: ['manage', 'run', 'run'] }, FULL)).toMatchObject({ grant: { scopes: ['run', 'manage'] } });
});

const member = (maker: Grant | undefined) => ({ maker, role: 'member' as const });
const admin = (maker: Grant | undefined) => ({ maker, role: 'admin' as const });
const most = { expiresAt: NOW + 500, spendingLimitMicrodollars: 2_000_000 };

it.each<[string, Partial<GrantWish>, ReturnType<typeof member | typeof admin>, string]>([
  ['a scope the maker lacks', { scopes: ['read'] }, admin(BOUND), 'forbidden'],
  ['a later expiry than the maker has', { expiresAt: NOW + 501 }, admin(BOUND), 'forbidden'],
  ['a larger limit than the maker has', { spendingLimitMicrodollars: 2_000_001 }, admin(BOUND), 'forbidden'],
  ['admin for a member', { scopes: ['admin'] }, member(FULL), 'forbidden'],
  ['admin for a member by an administrator', { scopes: ['admin'] }, member(undefined), 'invalid'],
  ['an expiry in the past', { expiresAt: NOW }, admin(FULL), 'invalid'],
  ['an expiry no calendar here reaches', { expiresAt: Date.UTC(12_000, 0, 1) }, admin(FULL), 'invalid'],
  ['less than the maker has', { ...most, scopes: ['manage'], spendingLimitMicrodollars: 0 }, member(BOUND), 'granted'],
  ['exactly what the maker has', most, member(UNLIMITED), 'granted'],
  ["a limit beside the maker's own", { ...most, scopes: ['run'] }, member(BOUND), 'forbidden'],
  ['a limit by a maker without one', { ...most, scopes: ['run'] }, member(UNLIMITED), 'granted'],
])('%s', (_what, given, { maker, role }, expected) => {
  expect(judge(given, maker, role).kind).toBe(expected);
});

it('a token without end or limit is more than one with them', () => {
  expect(findExcess({ ...BOUND, expiresAt: undefined }, BOUND)).toContain('expires at');
  expect(findExcess({ ...BOUND, spendingLimitMicrodollars: undefined }, BOUND)).toContain('2 USD');
  expect(findExcess(BOUND, BOUND)).toBeUndefined();
});
