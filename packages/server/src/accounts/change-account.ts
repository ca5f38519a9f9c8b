// Making and changing accounts: an administrator's work. Called by routes.ts.
// What an account's end means for its deployments is the right-hand domains' work: this file writes the fact and says so.
import { ApiError, DEFAULT_SCOPES, type Role, SCOPES } from '@comfleet/api';
import type { Queryable } from '../db/database.ts';
import { type Changes, recordEvent } from '../events/events.sql.ts';
import { type AccountRow, insertAccount, lockAccount, lockActiveAdmins, updateAccount } from './accounts.sql.ts';
import type { Account } from './authenticate.ts';
import { addToken, type TokenDeps } from './tokens.ts';

export interface AccountDeps extends TokenDeps {
  /** Called after a commit; resolves once everybody has acted on it, so that after the answer nothing new begins. */
  readonly accountChanged: (accountId: string) => Promise<void>;
}

export interface AccountWish {
  readonly name?: string | undefined;
  /** An empty text: none. */
  readonly email?: string | undefined;
  readonly role?: Role | undefined;
  readonly isActive?: boolean | undefined;
}

export async function createAccount(
  deps: AccountDeps,
  wish: { name: string; email: string | undefined; role: Role },
  actor: Account,
): Promise<{ row: AccountRow; secret: string }> {
  return await deps.db.transaction(async (tx) => {
    const row = await insertAccount(tx, { id: deps.newId(), ...wish });
    if (row === undefined) throw new Error('insert of an account returned no row');
    await recordEvent(tx, {
      accountId: row.id,
      kind: 'account.created',
      subjectId: row.id,
      tokenId: actor.token.id,
      message: `Account "${row.name}" was made, with the role ${row.role}.`,
    });
    const scopes = row.role === 'admin' ? SCOPES : DEFAULT_SCOPES;
    const grant = { scopes, expiresAt: undefined, spendingLimitMicrodollars: undefined };
    const token = { accountId: row.id, name: 'first token', grant, actorTokenId: actor.token.id };
    return { row, secret: (await addToken(tx, deps, token)).secret };
  });
}

export async function changeAccount(
  deps: AccountDeps,
  id: string,
  given: { wish: AccountWish; actor: Account },
): Promise<AccountRow> {
  const { wish, actor } = given;
  const row = await deps.db.transaction(async (tx) => {
    const admins = await lockActiveAdmins(tx);
    const before = await lockAccount(tx, id);
    if (before === undefined) throw unknownAccount(id);
    const after: AccountRow = {
      ...before,
      name: wish.name ?? before.name,
      email: wish.email === undefined ? before.email : wish.email || null,
      role: wish.role ?? before.role,
      is_active: wish.isActive ?? before.is_active,
    };
    requireAnotherAdmin(admins, after);
    await updateAccount(tx, after);
    await recordChange(tx, { before, after, actor });
    return after;
  });
  await deps.accountChanged(id);
  return row;
}

export function unknownAccount(id: string): ApiError {
  const hint = 'GET /admin/accounts lists them.';
  return new ApiError(404001, `There is no account ${id.slice(0, 100)}.`, { hint });
}

// Without an administrator nobody could ever make one again.
function requireAnotherAdmin(activeAdmins: readonly string[], after: AccountRow): void {
  if (activeAdmins.some((id) => id !== after.id) || (after.role === 'admin' && after.is_active)) return;
  if (!activeAdmins.includes(after.id)) return;
  const message = `Account ${after.id} is the last active administrator, so it can be neither deactivated nor demoted.`;
  throw new ApiError(409001, message, { hint: 'Make another account an administrator first.' });
}

async function recordChange(tx: Queryable, given: { before: AccountRow; after: AccountRow; actor: Account }) {
  const { before, after, actor } = given;
  const event = { accountId: after.id, subjectId: after.id, tokenId: actor.token.id };
  const changes = listChanges(before, after);
  if (Object.keys(changes).length > 0) {
    const message = `Account "${after.name}" was changed: ${Object.keys(changes).join(', ')}.`;
    await recordEvent(tx, { ...event, kind: 'account.changed', message, changes });
  }
  if (before.is_active === after.is_active) return;
  await recordEvent(tx, {
    ...event,
    kind: after.is_active ? 'account.activated' : 'account.deactivated',
    message: `Account "${after.name}" was ${after.is_active ? 'activated' : 'deactivated'}.`,
    changes: { is_active: { old: before.is_active, new: after.is_active } },
  });
}

function listChanges(before: AccountRow, after: AccountRow): Changes {
  const fields = ['name', 'email', 'role'] as const;
  const changed = fields.filter((field) => before[field] !== after[field]);
  return Object.fromEntries(
    changed.map((field) => [field, { old: before[field] ?? undefined, new: after[field] ?? undefined }]),
  );
}
