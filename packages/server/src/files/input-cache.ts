// Media inputs by content: what was fetched or decoded is kept once in the store under its SHA-256, so that retries
// and other requests with the same picture neither fetch nor upload it again. Used by submit (decoded data URIs) and
// by attempts (fetched media, uploads).
import { createHash, hash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { updateInSteps } from '../http/turns.ts';
import { type MediaKind, sniffMedia } from './media-type.ts';
import { type Opened, type PutOptions, SMALL_BYTES, type Storage, type Stored } from './storage.ts';

export interface CachedInput {
  sha256: string;
  sizeBytes: number;
  ext: string;
  mime: string;
  kind: MediaKind;
}

export interface InputCache {
  keep(source: Readable | Buffer, options: PutOptions): Promise<CachedInput>;
  open(sha256: string): Promise<Opened | undefined>; // undefined: swept meanwhile, keep it again
  sweep(olderThanMs: number): Promise<number>; // by the last keep; must exceed the time a request may wait and run
}

const PREFIX = 'in-';
const RENEW_MS = 10 * 60_000; // bytes seen again within this time are not written again
const MAX_REMEMBERED = 10_000;

function keyOf(sha256: string): string {
  return `${PREFIX}${sha256}`;
}

async function digest(bytes: Buffer): Promise<string> {
  if (bytes.length <= SMALL_BYTES) return hash('sha256', bytes, 'hex');
  const running = createHash('sha256');
  await updateInSteps(running, bytes);
  return running.digest('hex');
}

async function describe({ sha256, sizeBytes, head }: Stored): Promise<CachedInput> {
  const media = await sniffMedia(head);
  const { mime, ext, kind } = media ?? { mime: 'application/octet-stream', ext: 'bin', kind: 'file' as const };
  return { sha256, sizeBytes, ext, mime, kind };
}

export function createInputCache(deps: { storage: Storage; now: () => number }): InputCache {
  const { storage, now } = deps;
  const seen = new Map<string, { atMs: number; input: CachedInput }>(); // by hash, oldest first

  function remember(input: CachedInput): void {
    seen.delete(input.sha256);
    seen.set(input.sha256, { atMs: now(), input });
    const oldest = seen.keys().next().value;
    if (seen.size > MAX_REMEMBERED && oldest !== undefined) seen.delete(oldest);
  }

  // The same picture in request after request, the usual case, costs its hash and no write.
  async function known(sha256: string): Promise<CachedInput | undefined> {
    const found = seen.get(sha256);
    if (!found || now() - found.atMs > RENEW_MS) return undefined;
    return (await storage.has(keyOf(found.input.sha256))) ? found.input : undefined;
  }

  async function keep(source: Readable | Buffer, options: PutOptions): Promise<CachedInput> {
    const sha256 = Buffer.isBuffer(source) ? await digest(source) : undefined;
    const before = sha256 === undefined ? undefined : await known(sha256);
    if (before) return before;
    // Under a name of its own first: a crash half-way must not leave wrong bytes under a hash that others trust.
    const spoolKey = `${PREFIX}spool-${randomUUID()}`;
    const stored = await storage.put(spoolKey, source, sha256 === undefined ? options : { ...options, sha256 });
    await storage.move(spoolKey, keyOf(stored.sha256));
    const input = await describe(stored);
    remember(input);
    return input;
  }

  async function sweep(olderThanMs: number): Promise<number> {
    let removed = 0;
    for await (const { key, modifiedAtMs } of storage.list(PREFIX)) {
      if (now() - modifiedAtMs < Math.max(olderThanMs, 2 * RENEW_MS)) continue;
      await storage.remove(key);
      removed++;
    }
    return removed;
  }

  return { keep, open: (sha256) => storage.open(keyOf(sha256)), sweep };
}
