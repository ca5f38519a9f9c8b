// HTTP in and out of money: balance, usage, and an administrator's credits and limits.
import {
  type Balance,
  Credit,
  IDEMPOTENCY_KEY_CHARACTERS,
  read,
  readQuery,
  SpendingLimitChange,
  type UsageEntry,
  UsageQuery,
  validationError,
} from '@comfleet/api';
import { requireAdmin } from '../accounts/require-admin.ts';
import type { Database } from '../db/database.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import type { Clock } from '../telemetry/clock.ts';
import { creditAccount, limitAccount, requireAccount } from './credit.ts';
import type { Funds } from './funds.ts';
import { type BalanceRow, readBalance } from './ledger.sql.ts';
import { readUsd, toUsd } from './money.pure.ts';
import { sumUsage, type UsageKey, type UsageRow } from './usage.sql.ts';
import { readDays } from './usage-days.pure.ts';

interface AdminCaller extends Caller {
  readonly role: 'admin' | 'member';
}

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
}

export function registerBillingRoutes<A extends AdminCaller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('getBalance', async ({ account }) => {
    const isOn = deps.funds !== undefined;
    return { body: viewBalance(isOn ? (await readBalance(deps.db, account.id)).balance_microdollars : 0) };
  });
  routes.serve('getUsage', async (call) => await usage(deps, call));
  routes.serve('addCredit', async (call) => {
    const accountId = requireAccountId(call);
    const body = read(Credit, await readBody(call.request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    const amountMicrodollars = readAmount(body.value.amount_usd, 'amount_usd');
    if (amountMicrodollars === 0) throw refuseAmount('amount_usd', 'must not be 0', 0);
    const wish = { accountId, amountMicrodollars, note: body.value.note, key: readKey(call) };
    const row = await creditAccount(deps.db, { ...wish, tokenId: call.account.token.id, at: deps.clock.now() });
    deps.funds?.forget(accountId);
    return { body: viewBalance(row.balance_microdollars) };
  });
  routes.serve('getAccountFunds', async (call) => {
    const accountId = requireAccountId(call);
    await requireAccount(deps.db, accountId);
    return { body: viewFunds(await readBalance(deps.db, accountId)) };
  });
  routes.serve('setSpendingLimit', async (call) => {
    const accountId = requireAccountId(call);
    const body = read(SpendingLimitChange, await readBody(call.request.body));
    if (body.kind === 'refused') throw validationError(body.problems);
    const usd = body.value.spending_limit_usd;
    const limitMicrodollars = usd === null ? null : readAmount(usd, 'spending_limit_usd');
    const row = await limitAccount(deps.db, { accountId, limitMicrodollars, tokenId: call.account.token.id });
    deps.funds?.forget(accountId);
    return { body: viewFunds(row) };
  });
}

async function usage(deps: Deps, call: AccountCall<Caller>) {
  const query = readQuery(UsageQuery, call.query);
  if (query.kind === 'refused') throw validationError(query.problems);
  const read = readDays(query.value, deps.clock.now());
  if (read.kind === 'refused') throw validationError(read.problems);
  const { first, last, from, until } = read.days;
  const groupBy = query.value.group_by ?? 'day';
  const rows = await sumUsage(deps.db, { accountId: call.account.id, from, until, groupBy });
  const total = rows.reduce(
    (sum, row) => ({
      requests: sum.requests + row.requests,
      instance_ms: sum.instance_ms + row.instance_ms,
      cost: sum.cost + row.cost,
    }),
    { requests: 0, instance_ms: 0, cost: 0 },
  );
  const data = rows.map((row): UsageEntry => ({ ...viewKey(groupBy, row.key), ...viewUsed(row) }));
  return { body: { from: first, to: last, data, total: viewUsed(total) } };
}

function viewKey(groupBy: UsageKey, key: string | undefined) {
  if (key === undefined) return {};
  if (groupBy === 'day') return { day: key };
  return groupBy === 'deployment' ? { deployment_id: key } : { token_id: key };
}

function viewUsed({ requests, instance_ms, cost }: Omit<UsageRow, 'key'>) {
  return { requests, instance_seconds: instance_ms / 1000, cost_usd: toUsd(cost), cost_microdollars: cost };
}

function viewBalance(microdollars: number): Balance {
  return { balance_usd: toUsd(microdollars), balance_microdollars: microdollars, currency: 'USD' };
}

function viewFunds(row: BalanceRow) {
  const limit = row.spending_limit_microdollars;
  return {
    ...viewBalance(row.balance_microdollars),
    spent_usd: toUsd(row.spent_microdollars),
    spent_microdollars: row.spent_microdollars,
    ...(limit === null ? {} : { spending_limit_usd: toUsd(limit) }),
  };
}

function requireAccountId({ account, params }: AccountCall<AdminCaller>): string {
  requireAdmin(account);
  return (params['account_id'] ?? '').toLowerCase();
}

function readAmount(usd: number, field: string): number {
  const amount = readUsd(usd);
  if (amount.kind === 'bad') throw refuseAmount(field, amount.because, usd);
  return amount.microdollars;
}

function refuseAmount(field: string, because: string, input: number) {
  return validationError([
    { loc: ['body', field], msg: `${field} ${because}; it is ${input}.`, type: 'bad_amount', input },
  ]);
}

function readKey({ request }: AccountCall<Caller>): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key !== '' && key.length <= IDEMPOTENCY_KEY_CHARACTERS) return key;
  const msg = `Idempotency-Key must have 1 to ${IDEMPOTENCY_KEY_CHARACTERS} characters.`;
  throw validationError([{ loc: ['header', 'idempotency-key'], msg, type: 'invalid_header' }]);
}
