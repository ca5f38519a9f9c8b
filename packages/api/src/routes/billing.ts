// The routes of money.
import Type from 'typebox';
import { AccountFunds, Balance, Credit, SpendingLimitChange, Usage, UsageQuery } from '../billing.ts';
import { IDEMPOTENCY_KEY_CHARACTERS } from '../limits.ts';
import type { Route } from '../route.ts';

export const BILLING_ROUTES = [
  {
    id: 'getBalance',
    method: 'GET',
    path: '/balance',
    base: 'versioned',
    access: 'token',
    scopes: ['read', 'run'],
    tag: 'billing',
    summary: 'What is left to spend',
    description: 'Always 0 while billing is off; then nothing is refused for want of funds.',
    replies: { 200: { description: "The account's balance.", schema: Balance } },
    errors: [],
  },
  {
    id: 'getUsage',
    method: 'GET',
    path: '/usage',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'billing',
    summary: 'What was used, by day, deployment or token',
    description: 'Days are those of UTC, by the end of each request. At most 366 days in one call.',
    query: UsageQuery,
    replies: { 200: { description: 'Entries in ascending order, and their sums.', schema: Usage } },
    errors: [],
  },
  {
    id: 'addCredit',
    method: 'POST',
    path: '/admin/accounts/:account_id/credits',
    base: 'versioned',
    access: 'token',
    scopes: ['admin'],
    tag: 'admin',
    summary: 'Add funds to an account, or take some back',
    headers: [
      {
        name: 'Idempotency-Key',
        description:
          'The same key and body again add nothing and answer with the balance; with another body: 409001. Kept for ever.',
        schema: Type.String({ minLength: 1, maxLength: IDEMPOTENCY_KEY_CHARACTERS }),
      },
    ],
    body: Credit,
    replies: { 200: { description: 'The balance after it.', schema: Balance } },
    errors: [404001, 409001],
  },
  {
    id: 'getAccountFunds',
    method: 'GET',
    path: '/admin/accounts/:account_id/funds',
    base: 'versioned',
    access: 'token',
    scopes: ['admin'],
    tag: 'admin',
    summary: "An account's balance, what it spent, and its limit",
    replies: { 200: { description: 'The funds.', schema: AccountFunds } },
    errors: [404001],
  },
  {
    id: 'setSpendingLimit',
    method: 'POST',
    path: '/admin/accounts/:account_id/spending_limit',
    base: 'versioned',
    access: 'token',
    scopes: ['admin'],
    tag: 'admin',
    summary: "Set an account's spending limit, or take it away",
    description:
      'It counts everything the account was charged since it was made. Reached, new runs are refused with 10001.',
    body: SpendingLimitChange,
    replies: { 200: { description: 'The funds.', schema: AccountFunds } },
    errors: [404001],
  },
] as const satisfies readonly Route[];
