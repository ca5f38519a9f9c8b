// Whose a file outside every folder of ours is, on the real database: the name alone is not enough, because runs of several
// accounts may write under one name.
import { expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import { type FinishedRequest, finishRequests } from '../requests/finish.sql.ts';
import { insertRequests, type NewRequest } from '../requests/insert.sql.ts';
import { isFileOfAccount } from './owners.sql.ts';

const database = useTestDatabase();
const instanceId = crypto.randomUUID();

/** A run that stored this file, which the instance calls so. */
async function store(accountId: string, file: { source: string; sha256: string; at: number }): Promise<void> {
  const id = crypto.randomUUID();
  const lease = { instanceId, promptId: crypto.randomUUID() };
  const ids = { id, accountId, deploymentId: crypto.randomUUID(), versionId: crypto.randomUUID() };
  const row = { ...ids, priority: 0, createdAt: file.at, webhookIntermediate: false, body: '{}', lease };
  await insertRequests(database.db(), [row as unknown as NewRequest]);
  const stored = { kind: 'temp', path: 'a.png', sizeBytes: 1, contentType: 'image/png', content: Buffer.from('x') };
  const ended = { id, epoch: 1, state: 'succeeded', instanceId, finishedAt: file.at, cause: 'succeeded' };
  const files = [{ ...stored, sha256: file.sha256, source: file.source }];
  await finishRequests(database.db(), [{ ...ended, files } as unknown as FinishedRequest]);
}

it('a file is of the account whose run wrote it, until another account writes other bytes under its name', async () => {
  const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
  const source = `${instanceId}/temp/a.png`;
  const owns = (accountId: string) => isFileOfAccount(database.db(), { accountId, source });
  await store(mine, { source, sha256: '1', at: 1_000 });
  expect([await owns(mine), await owns(theirs)]).toEqual([true, false]);
  // An identical run is given the same file.
  await store(theirs, { source, sha256: '1', at: 2_000 });
  expect([await owns(mine), await owns(theirs)]).toEqual([true, true]);
  await store(theirs, { source, sha256: '2', at: 3_000 });
  expect([await owns(mine), await owns(theirs)]).toEqual([false, true]);
});
