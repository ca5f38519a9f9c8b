// The outputs of an earlier, identical run, while the database or the storage goes away for a moment.
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { DatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Sql } from '../db/sql.ts';
import { StorageError, type StorageErrorKind } from '../files/storage.ts';
import type { Attempt, ExecutionDeps } from './attempt.ts';
import { createEarlierOutputs, takeIdenticalRun } from './earlier-outputs.ts';
import { collectRun } from './run-outputs.ts';

const OUTPUTS = '{"2":{"images":[{"url":"/deployment_requests/r0/a.png"}]}}';
const FILE = {
  request_id: 'r0',
  produced_by: 'r0',
  kind: 'output',
  path: 'a.png',
  node_id: '2',
  size_bytes: 3,
  sha256: 'a',
  content_type: 'image/png',
  storage_key: 'out-r0-1',
  content: null,
  is_identical: true,
};

/** Whose first answer to each question is that the database is away. */
function createFailingDatabase() {
  const asked = new Set<string>();
  return {
    async query({ text }: Sql): Promise<unknown[]> {
      if (!asked.has(text)) {
        asked.add(text);
        throw new DatabaseUnavailable(true, { cause: new Error('Connection terminated unexpectedly') });
      }
      return text.includes('from request_files') ? [FILE] : [{ id: 'r0', produced_by: 'r0', outputs: OUTPUTS }];
    },
  };
}

function createSetting({ puts = [], patienceMs = 60_000 }: { puts?: StorageErrorKind[]; patienceMs?: number } = {}) {
  const storage = {
    open: async () => ({ stream: Readable.from(['abc']), sizeBytes: 3 }),
    async put() {
      const kind = puts.shift();
      if (kind) throw new StorageError('[disk] cannot be used', { kind });
    },
  };
  const store = { storage, newId: () => 'n', maxFileBytes: 1_000, patienceMs };
  const deps = { db: createFailingDatabase(), store } as unknown as ExecutionDeps;
  const progress = { nodesTotal: 1 } as NonNullable<Attempt['request']['progress']>;
  const request = makeLiveRequest({ payload: { body: '{}' } as NonNullable<Attempt['request']['payload']>, progress });
  const collector = { finish: async () => ({ kind: 'ok', outputs: '{}', files: [], missing: [] }) };
  return { deps, attempt: { request, instance: { id: 'i' }, collector } as unknown as Attempt };
}

const COPY = { path: 'a.png', sha256: 'a', storageKey: 'out-r1-n', content: undefined };

it('the database is waited for at every question, and the storage at the copy', async () => {
  for (const kind of ['unavailable', 'full', 'source'] as const) {
    const { deps, attempt } = createSetting({ puts: [kind] });
    const taken = await takeIdenticalRun(deps, attempt);
    expect(taken).toMatchObject({ outputs: OUTPUTS.replace('r0', 'r1'), files: [COPY] });
  }
});

it('so is the database when the file of one node is looked for', async () => {
  const { deps, attempt } = createSetting();
  const found = await createEarlierOutputs(deps, attempt, new Set(['2'])).find('2', { filename: 'a.png' });
  expect(await found?.take()).toMatchObject({ kind: 'stored', file: { ...COPY, nodeId: '2' } });
});

it('a storage that stays away is why the outputs cannot be had, and no fault that nobody expects', async () => {
  const { deps, attempt } = createSetting({ puts: ['unavailable'], patienceMs: 0 });
  const end = { kind: 'success', seen: new Map(), isComplete: true, entry: undefined, cached: new Set(['1']) } as const;
  expect(await collectRun(deps, attempt, end)).toMatchObject({
    kind: 'outputs_unreadable',
    details: expect.stringContaining('[disk] cannot be used'),
    isBilled: false,
  });
});
