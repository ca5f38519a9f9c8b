// An instance that took an output from its cache names the files of the run that wrote them, or none at all. They were
// stored then: this run gets copies under addresses of its own. Called by run-outputs.ts; only for nodes that were cached.
import type { JsonObject } from '@comfleet/comfyui';
import { persist } from '../db/persist.ts';
import { outputPath } from '../files/output-name.pure.ts';
import { StorageError } from '../files/storage.ts';
import { waitForStorage } from '../files/wait-for-storage.ts';
import {
  type Asking,
  type EarlierFileRow,
  findEarlierFile,
  findIdenticalRun,
  listEarlierFiles,
} from '../requests/earlier.sql.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import type { Attempt, ExecutionDeps } from './attempt.ts';
import { type Fetched, nameOnInstance, readFileName } from './fetch-file.ts';
import { loadPayload } from './load-payload.ts';

export interface EarlierFile {
  readonly isIdentical: boolean;
  /** Makes the copy; undefined when the bytes are gone by now. */
  take(): Promise<Extract<Fetched, { kind: 'stored' }> | undefined>;
}

export interface EarlierOutputs {
  readonly cached: ReadonlySet<string>;
  /** What an earlier run stored of the file that this output item names. */
  find(nodeId: string, item: JsonObject): Promise<EarlierFile | undefined>;
}

export function createEarlierOutputs(
  deps: ExecutionDeps,
  attempt: Attempt,
  cached: ReadonlySet<string>,
): EarlierOutputs {
  let asking: Promise<Asking> | undefined;
  return {
    cached,
    async find(nodeId, item) {
      const read = readFileName(item);
      if ('reason' in read) return undefined;
      asking ??= ask(deps, attempt);
      const source = nameOnInstance(attempt.instance, read.name);
      const asked = await asking;
      const row = await persist(() => findEarlierFile(deps.db, source, asked));
      if (row === undefined) return undefined;
      return {
        isIdentical: row.is_identical,
        async take() {
          const file = await copyFile(deps, attempt, row);
          if (file === undefined) return undefined;
          noteSource(attempt, row.produced_by);
          const shown = { ...read.name, ...splitPath(row.path) };
          const url = outputPath(attempt.request.id, { ...shown, type: row.kind });
          return {
            kind: 'stored',
            shown,
            url,
            file: { ...file, nodeId, source },
          };
        },
      };
    },
  };
}

export interface TakenRun {
  readonly outputs: string;
  readonly files: StoredFile[];
}

/** The whole result of the latest identical run, for an instance that tells nothing of cached outputs. */
export async function takeIdenticalRun(deps: ExecutionDeps, attempt: Attempt): Promise<TakenRun | 'gone' | undefined> {
  const asking = await ask(deps, attempt);
  const earlier = await persist(() => findIdenticalRun(deps.db, asking));
  if (earlier === undefined) return undefined;
  const files: StoredFile[] = [];
  for (const row of await persist(() => listEarlierFiles(deps.db, earlier.id))) {
    const file = await copyFile(deps, attempt, row);
    if (file === undefined) return 'gone';
    files.push(file);
  }
  // The urls of a result that is gone would lead nowhere.
  if (files.length === 0 && earlier.outputs.includes('"url":"/deployment_requests/')) return 'gone';
  noteSource(attempt, earlier.produced_by);
  const address = (id: string) => `"url":"/deployment_requests/${id}/`;
  return { outputs: earlier.outputs.replaceAll(address(earlier.id), address(attempt.request.id)), files };
}

async function ask(deps: ExecutionDeps, { request }: Attempt): Promise<Asking> {
  const { body } = request.payload ?? (await loadPayload(deps, request));
  const { id: requestId, accountId, deploymentId, versionId } = request;
  return { requestId, accountId, deploymentId, versionId, body };
}

// The first one counts: outputs of several earlier runs together are rare, and one name is what callers are told.
function noteSource({ request }: Attempt, requestId: string): void {
  if (request.trace) request.trace.cachedFrom ??= requestId;
}

async function copyFile(deps: ExecutionDeps, attempt: Attempt, row: EarlierFileRow): Promise<StoredFile | undefined> {
  const file = {
    kind: row.kind,
    path: row.path,
    nodeId: row.node_id ?? undefined,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    contentType: row.content_type,
    source: undefined,
  };
  if (row.content !== null) return { ...file, content: row.content, storageKey: undefined };
  const from = row.storage_key;
  if (from === null) return undefined;
  // No signal: the instance has no part in it, and may go.
  const storageKey = await waitForStorage(() => copyStored(deps.store, attempt.request.id, from), deps.store);
  return storageKey === undefined ? undefined : { ...file, storageKey, content: undefined };
}

async function copyStored(store: ExecutionDeps['store'], requestId: string, from: string): Promise<string | undefined> {
  const opened = await store.storage.open(from);
  if (opened === undefined) return undefined;
  const storageKey = `out-${requestId}-${store.newId()}`;
  try {
    await store.storage.put(storageKey, opened.stream, { maxBytes: store.maxFileBytes });
  } catch (error) {
    // Here the bytes come from the storage itself.
    if (!(error instanceof StorageError) || error.kind !== 'source') throw error;
    throw new StorageError('a stored file could not be read', { kind: 'unavailable', cause: error });
  }
  return storageKey;
}

function splitPath(path: string): { filename: string; subfolder: string } {
  const cut = path.lastIndexOf('/');
  return { filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(0, cut)) };
}
