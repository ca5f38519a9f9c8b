// What administrators do about money: add funds to an account, set what it may spend in all. Called by routes.ts.
import { ApiError, validationError } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/events.sql.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { addCredit, type BalanceRow, findCredit, hasAccount, readBalance, setSpendingLimit } from './ledger.sql.ts';
import { formatUsd, MAX_BALANCE_MICRODOLLARS } from './money.pure.ts';

export interface CreditWish {
  readonly accountId: string;
  readonly amountMicrodollars: number;
  readonly note: string | undefined;
  readonly key: string | undefined;
  /** Whose token did it. */
  readonly tokenId: string;
  readonly at: number;
}

/** A key that was used before adds nothing; the balance is as it is now. */
export async function creditAccount(db: Database, wish: CreditWish): Promise<BalanceRow> {
  await requireAccount(db, wish.accountId);
  return await db.transaction(async (tx) => {
    if (await addCredit(tx, wish)) {
      const verb = wish.amountMicrodollars < 0 ? 'taken back from' : 'added to';
      const note = wish.note === undefined || wish.note === '' ? '' : `: ${wish.note}`;
      await recordEvent(tx, {
        accountId: wish.accountId,
        kind: 'credits.added',
        subjectId: wish.accountId,
        tokenId: wish.tokenId,
        message: `${formatUsd(Math.abs(wish.amountMicrodollars))} were ${verb} the balance${note}`,
      });
    } else await requireSameCredit(tx, wish);
    const after = await readBalance(tx, wish.accountId);
    requireBounded(after, wish);
    return after;
  });
}

function requireBounded({ balance_microdollars }: BalanceRow, { amountMicrodollars }: CreditWish): void {
  // A sum that a number cannot hold is read as a bigint.
  const after = Number(balance_microdollars);
  if (Math.abs(after) <= MAX_BALANCE_MICRODOLLARS || after > 0 !== amountMicrodollars > 0) return;
  const most = formatUsd(MAX_BALANCE_MICRODOLLARS);
  const msg = `amount_usd would make the balance ${formatUsd(after)}; it can be from -${most} to ${most}.`;
  const type = after > 0 ? 'value_bigger_than_max' : 'value_smaller_than_min';
  throw validationError([{ loc: ['body', 'amount_usd'], msg, type, input: amountMicrodollars / 1_000_000 }]);
}

async function requireSameCredit(tx: Parameters<typeof findCredit>[0], wish: CreditWish): Promise<void> {
  const known = wish.key === undefined ? undefined : await findCredit(tx, { accountId: wish.accountId, key: wish.key });
  if (known?.amount_microdollars === wish.amountMicrodollars && (known.note ?? undefined) === wish.note) return;
  const amount = known === undefined ? '' : ` (${formatUsd(known.amount_microdollars)})`;
  throw new ApiError(409001, `This Idempotency-Key was used for another credit of this account${amount}.`);
}

export async function limitAccount(
  db: Database,
  wish: { accountId: string; limitMicrodollars: number | null; tokenId: string },
): Promise<BalanceRow> {
  await requireAccount(db, wish.accountId);
  return await db.transaction(async (tx) => {
    const before = await setSpendingLimit(tx, wish);
    const show = (limit: number | null) => (limit === null ? 'none' : formatUsd(limit));
    await recordEvent(tx, {
      accountId: wish.accountId,
      kind: 'account.changed',
      subjectId: wish.accountId,
      tokenId: wish.tokenId,
      message: `The spending limit was changed from ${show(before)} to ${show(wish.limitMicrodollars)}`,
      changes: { spending_limit_microdollars: { old: before, new: wish.limitMicrodollars } },
    });
    return await readBalance(tx, wish.accountId);
  });
}

export async function requireAccount(db: Database, accountId: string): Promise<void> {
  if (isUuid(accountId) && (await hasAccount(db, accountId))) return;
  throw new ApiError(404001, `There is no account ${accountId.slice(0, 100)}.`);
}
