// Media inputs by content: what was fetched or decoded is kept once in the store under its SHA-256, so that retries
// and other requests with the same picture neither fetch nor upload it again. Used by attempts; losing an entry
// costs a fetch, nothing else.
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type MediaKind, safeUploadName, sniffMedia } from './media-type.ts';
import type { Opened, Storage } from './storage.ts';

export interface CachedInput {
  sha256: string;
  sizeBytes: number;
  ext: string;
  mime: string;
  kind: MediaKind;
  uploadName: string;
  open(): Promise<Opened | undefined>; // undefined: swept meanwhile; keep it again
}

export interface InputCache {
  keep(source: Readable | Buffer, options: { maxBytes: number; signal?: AbortSignal }): Promise<CachedInput>;
  /** What was kept under this hash; undefined: swept meanwhile. */
  open(sha256: string): Promise<Opened | undefined>;
  sweep(olderThanMs: number): Promise<number>; // how many were removed
}

const PREFIX = 'in-';

export function createInputCache(deps: { storage: Storage; now: () => number }): InputCache {
  const { storage } = deps;

  async function keep(
    source: Readable | Buffer,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<CachedInput> {
    // Under a name of its own first: a crash half-way must not leave wrong bytes under a hash that others trust.
    const spoolKey = `${PREFIX}spool-${randomUUID()}`;
    const stored = await storage.put(spoolKey, source, options);
    const key = `${PREFIX}${stored.sha256}`;
    await storage.move(spoolKey, key);
    const media = await sniffMedia(stored.head);
    const { mime, ext, kind } = media ?? { mime: 'application/octet-stream', ext: 'bin', kind: 'file' as const };
    const { sha256, sizeBytes } = stored;
    return {
      sha256,
      sizeBytes,
      ext,
      mime,
      kind,
      uploadName: safeUploadName(sha256, ext),
      open: () => storage.open(key),
    };
  }

  // By age since the last keep (a move renews nothing on every store, but a put does); spools of crashed puts go too.
  async function sweep(olderThanMs: number): Promise<number> {
    let removed = 0;
    for await (const { key, modifiedAtMs } of storage.list(PREFIX)) {
      if (deps.now() - modifiedAtMs < olderThanMs) continue;
      await storage.remove(key);
      removed++;
    }
    return removed;
  }

  return { keep, open: (sha256) => storage.open(`${PREFIX}${sha256}`), sweep };
}
