// HTTP in and out of accounts and tokens: the caller's own, and those an administrator looks after. The hardware
// catalogue is beside them because it, too, belongs to nobody.
import {
  AccountCreate,
  AccountListQuery,
  AccountPatch,
  formatInstant,
  type HardwareCatalogue,
  PAGE_ITEMS_DEFAULT,
  type Problem,
  type Read,
  read,
  readQuery,
  TokenCreate,
  TokenListQuery,
  TokenRegenerate,
  validationError,
  viewHardware,
} from '@comfleet/api';
import { type Cursor, writeCursor } from '../db/cursor.pure.ts';
import { requireCursor } from '../http/page-cursor.ts';
import { readBody } from '../http/read-body.ts';
import type { AccountCall, RouteServer } from '../http/serve-route.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { type AccountRow, findAccount, listAccounts } from './accounts.sql.ts';
import type { Account } from './authenticate.ts';
import { type AccountDeps, changeAccount, createAccount, unknownAccount } from './change-account.ts';
import { requireAdmin } from './require-admin.ts';
import { listTokens } from './tokens.sql.ts';
import { createToken, grantOf, type MadeToken, regenerateToken, removeToken, type TokenWish } from './tokens.ts';
import { toMicrodollars, viewAccount, viewCaller, viewToken } from './view.pure.ts';

interface Deps extends AccountDeps {
  /** Why nothing runs a SKU now; undefined: something does. */
  readonly whyUnavailable: (sku: string) => string | undefined;
  readonly hardware: HardwareCatalogue;
}

export function registerAccountRoutes(routes: RouteServer<Account>, deps: Deps) {
  routes.serve('getAccount', async ({ account }) => ({ body: viewCaller(account) }));
  routes.serve('listHardware', async () => ({
    body: {
      data: deps.hardware.skus.map((sku) =>
        viewHardware(sku, {
          ...(sku.provider === undefined ? {} : { provider: sku.provider }),
          unavailableBecause: deps.whyUnavailable(sku.sku),
          isDefault: sku.sku === deps.hardware.defaultSku,
        }),
      ),
    },
  }));
  registerTokens(routes, deps);
  registerAdmin(routes, deps);
  registerAccountTokens(routes, deps);
}

function registerTokens(routes: RouteServer<Account>, deps: Deps) {
  routes.serve('listTokens', (call) => answerTokens(deps, call, call.account.id));
  routes.serve('createToken', async ({ request, account }) => {
    const wish = await readTokenWish(request.body);
    const made = await createToken(deps, account, { wish, maker: grantOf(account), actor: account });
    return { body: viewMade(made) };
  });
  routes.serve('revokeToken', async ({ params, account }) => {
    const id = params['token_id'] ?? '';
    await removeToken(deps, { accountId: account.id, tokenId: id, actor: account });
    return { body: { id: id.toLowerCase(), deleted: true } };
  });
  routes.serve('regenerateToken', async ({ params, request, account }) => {
    const body = requireValue(read(TokenRegenerate, await readBody(request.body)));
    const wish = { tokenId: params['token_id'] ?? '', overlapSeconds: body.overlap_seconds ?? 0 };
    const made = await regenerateToken(deps, account, wish);
    return { body: { ...viewMade(made), old_secret_valid_until: formatInstant(made.oldValidUntil) } };
  });
}

function registerAdmin(routes: RouteServer<Account>, deps: Deps) {
  routes.serve('listAccounts', async ({ query, account }) => {
    requireAdmin(account);
    const page = readPage(AccountListQuery, query);
    const rows = await listAccounts(deps.db, { limit: page.limit + 1, before: page.before });
    return { body: viewPage(rows, page.limit, viewAccount) };
  });
  routes.serve('createAccount', async ({ request, account }) => {
    requireAdmin(account);
    const body = requireValue(read(AccountCreate, await readBody(request.body)));
    const wish = { name: body.name, email: body.email, role: body.role ?? 'member' };
    const { row, secret } = await createAccount(deps, wish, account);
    return { body: { ...viewAccount(row), token: secret } };
  });
  routes.serve('getAccountById', async (call) => ({ body: viewAccount(await requireAccount(deps, call)) }));
  routes.serve('changeAccount', async (call) => {
    const { id } = await requireAccount(deps, call);
    const body = requireValue(read(AccountPatch, await readBody(call.request.body)));
    const wish = { name: body.name, email: body.email, role: body.role, isActive: body.is_active };
    return { body: viewAccount(await changeAccount(deps, id, { wish, actor: call.account })) };
  });
}

function registerAccountTokens(routes: RouteServer<Account>, deps: Deps) {
  routes.serve('createAccountToken', async (call) => {
    const owner = await requireAccount(deps, call);
    const wish = await readTokenWish(call.request.body);
    return { body: viewMade(await createToken(deps, owner, { wish, maker: undefined, actor: call.account })) };
  });
  routes.serve('listAccountTokens', async (call) => {
    const owner = await requireAccount(deps, call);
    return await answerTokens(deps, call, owner.id);
  });
  routes.serve('revokeAccountToken', async (call) => {
    const owner = await requireAccount(deps, call);
    const id = call.params['token_id'] ?? '';
    await removeToken(deps, { accountId: owner.id, tokenId: id, actor: call.account });
    return { body: { id: id.toLowerCase(), deleted: true } };
  });
}

async function answerTokens(deps: Deps, { query }: AccountCall<Account>, accountId: string) {
  const page = readPage(TokenListQuery, query);
  const rows = await listTokens(deps.db, { accountId, limit: page.limit + 1, before: page.before });
  return { body: viewPage(rows, page.limit, viewToken) };
}

async function requireAccount(deps: Deps, { params, account }: AccountCall<Account>): Promise<AccountRow> {
  requireAdmin(account);
  const id = params['account_id'] ?? '';
  const row = isUuid(id) ? await findAccount(deps.db, id) : undefined;
  if (row === undefined) throw unknownAccount(id);
  return row;
}

async function readTokenWish(bytes: unknown): Promise<TokenWish> {
  const body = requireValue(read(TokenCreate, await readBody(bytes)));
  return {
    name: body.name,
    scopes: body.scopes,
    expiresAt: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
    spendingLimitMicrodollars: toMicrodollars(body.spending_limit_usd),
  };
}

function viewMade({ row, secret }: MadeToken) {
  return { ...viewToken(row), token: secret };
}

interface Page {
  readonly limit: number;
  readonly before: Cursor | undefined;
}

function readPage(schema: typeof TokenListQuery, query: Readonly<Record<string, unknown>>): Page {
  const { limit = PAGE_ITEMS_DEFAULT, cursor } = requireValue(readQuery(schema, query));
  return { limit, before: requireCursor(cursor) };
}

/** `rows` holds one more than a page when there is another page. */
function viewPage<Row extends { readonly id: string; readonly created_at: number }, View>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => View,
) {
  const last = rows[limit - 1];
  const next = rows.length > limit && last ? { next_cursor: writeCursor(last) } : {};
  return { data: rows.slice(0, limit).map(view), ...next };
}

function requireValue<T>(result: Read<T>): T {
  if (result.kind === 'refused') throw validationError(result.problems as Problem[]);
  return result.value;
}
