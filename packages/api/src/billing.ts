// Money: the balance, what was used, and the bodies by which administrators add funds and set limits (api.md 2.7, 3, 3.1).
import Type, { type Static } from 'typebox';
import { Id, NO_NUL } from './fields.ts';
import { NAME_CHARACTERS } from './limits.ts';

const Microdollars = Type.Integer({ description: 'Millionths of a US dollar, exact.' });

const BalanceFields = {
  balance_usd: Type.Number(),
  balance_microdollars: Microdollars,
  currency: Type.Literal('USD'),
};
export const Balance = Type.Object(BalanceFields);
export type Balance = Static<typeof Balance>;

/** A sum beyond these is a mistake, and a double holds all of these to the microdollar. */
const USD_MAX = 1_000_000_000;

export const Credit = Type.Object({
  amount_usd: Type.Number({
    minimum: -USD_MAX,
    maximum: USD_MAX,
    not: { const: 0 },
    description:
      'At most 6 decimals, not 0. A negative amount takes funds back. No balance goes beyond 1,000,000,000 dollars this way.',
    examples: [25],
  }),
  note: Type.Optional(
    Type.String({ maxLength: NAME_CHARACTERS, ...NO_NUL, description: 'Why, for the ledger and the timeline.' }),
  ),
});

export const SpendingLimitChange = Type.Object({
  spending_limit_usd: Type.Union([Type.Number({ minimum: 0, maximum: USD_MAX }), Type.Null()], {
    description: 'What the account may spend in all, since it was made; null takes the limit away.',
  }),
});

export const AccountFunds = Type.Object({
  ...BalanceFields,
  spent_usd: Type.Number(),
  spent_microdollars: Microdollars,
  spending_limit_usd: Type.Optional(Type.Number()),
});
export type AccountFunds = Static<typeof AccountFunds>;

export const USAGE_GROUPS = ['day', 'deployment', 'token'] as const;
export const USAGE_DAYS_MAX = 366;

const Day = {
  format: 'date',
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  'x-pattern-says': 'must be a day such as 2026-01-31',
  examples: ['2026-01-31'],
};

export const UsageQuery = Type.Object({
  from: Type.Optional(Type.String({ ...Day, description: 'The first day, in UTC. Left out: 29 days before `to`.' })),
  to: Type.Optional(Type.String({ ...Day, description: 'The last day, in UTC. Left out: today.' })),
  group_by: Type.Optional(Type.Enum(USAGE_GROUPS, { default: 'day', description: 'What each entry stands for.' })),
});

const UsedFields = {
  requests: Type.Integer({ description: 'Requests that ended after they were given to an instance.' }),
  instance_seconds: Type.Number({ description: 'Time on instances.' }),
  cost_usd: Type.Number(),
  cost_microdollars: Type.Integer({ description: 'As billed; 0 while billing is off.' }),
};
export const UsageTotal = Type.Object(UsedFields);
export const UsageEntry = Type.Object({
  day: Type.Optional(Type.String({ description: 'With `group_by=day`: a day of UTC in which something ended.' })),
  deployment_id: Type.Optional(Id),
  token_id: Type.Optional(
    Type.Unsafe<string>({ ...Id, description: 'With `group_by=token`; absent for what no token is known of.' }),
  ),
  ...UsedFields,
});
export type UsageEntry = Static<typeof UsageEntry>;

export const Usage = Type.Object({
  from: Type.String({ description: 'The first day counted.' }),
  to: Type.String({ description: 'The last day counted.' }),
  data: Type.Array(UsageEntry),
  total: UsageTotal,
});
export type Usage = Static<typeof Usage>;
