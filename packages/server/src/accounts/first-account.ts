// The first start makes the first account and its token: printed once, kept in <data>/admin-token (mode 0600). Called by app.ts.
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/events.sql.ts';
import { countAccounts, findFirstAdmin, insertAccount } from './accounts.sql.ts';
import { hashToken } from './authenticate.ts';
import { makeToken } from './token.pure.ts';
import { insertToken } from './tokens.sql.ts';

const ADMIN_SCOPES = ['run', 'read', 'manage', 'admin'];

interface Deps {
  readonly db: Database;
  readonly newId: () => string;
  readonly dataDir: string;
  readonly configuredToken: string | undefined;
}

/** Returns the token when this start made it (to be shown once), otherwise undefined. */
export async function ensureFirstAccount(deps: Deps): Promise<string | undefined> {
  const path = join(deps.dataDir, 'admin-token');
  if ((await countAccounts(deps.db)) > 0) {
    await addConfiguredToken(deps, path);
    return undefined;
  }
  // A file left by a start that died before its commit is used again: the operator may have read it already.
  const token = deps.configuredToken ?? readToken(path) ?? makeToken(randomBytes(96));
  writeToken(path, token);
  const accountId = deps.newId();
  await deps.db.transaction(async (tx) => {
    await insertAccount(tx, { id: accountId, name: 'admin', role: 'admin' });
    await insertToken(tx, tokenRow(deps, accountId, token));
    const message = 'The first account was made, an administrator, with its token.';
    await recordEvent(tx, { accountId, kind: 'account.created', subjectId: accountId, message });
  });
  return token;
}

// COMFLEET_ADMIN_TOKEN set (or changed) after the first start: it is added, so that the setting always works.
async function addConfiguredToken(deps: Deps, path: string) {
  if (deps.configuredToken === undefined) return;
  const accountId = await findFirstAdmin(deps.db);
  if (accountId === undefined) return;
  const row = tokenRow(deps, accountId, deps.configuredToken);
  await deps.db.transaction(async (tx) => {
    if ((await insertToken(tx, row)) === undefined) return; // there already, or revoked since
    const message = 'The token of the setting COMFLEET_ADMIN_TOKEN was added.';
    await recordEvent(tx, { accountId, kind: 'token.created', subjectId: row.id, message });
  });
  if (readToken(path) !== deps.configuredToken) writeToken(path, deps.configuredToken);
}

function tokenRow(deps: Deps, accountId: string, token: string) {
  return {
    id: deps.newId(),
    accountId,
    name: 'admin',
    prefix: token.slice(0, 7),
    hash: hashToken(token),
    scopes: ADMIN_SCOPES,
  };
}

function readToken(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined; // not there yet
  }
}

function writeToken(path: string, token: string) {
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  chmodSync(path, 0o600); // an existing file keeps its old mode otherwise
}
