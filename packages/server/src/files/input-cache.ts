// Media inputs by content: what was fetched or decoded is kept once in the store under its SHA-256, so that retries
// and other requests with the same picture neither fetch nor upload it again. Used by submit (decoded data URIs) and
// by attempts (fetched media, uploads); swept by requests/retention.ts, by age and by size.
import { createHash, hash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { updateInSteps } from '../http/turns.ts';
import { chooseToGo, type SweepEntry } from './input-sweep.pure.ts';
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
  /** How many went. */
  sweep(limits: SweepLimits): Promise<number>;
  /** Who is told when it has grown too large; undefined: nobody. */
  watch(watcher: SizeWatcher | undefined): void;
}

export interface SizeWatcher {
  readonly maxBytes: number;
  readonly onExceeded: () => void;
}

export interface SweepLimits {
  /** Since the last use. */
  readonly olderThanMs: number;
  /** What may stay in all: the least recently used go first. */
  readonly maxBytes: number;
  /** Hashes that requests which have not ended still need; asked only when something is to go. */
  readonly listInUse: () => Promise<ReadonlySet<string>>;
}

const PREFIX = 'in-';
const OURS = /^in-(?:[0-9a-f]{64}$|spool-)/;
const RENEW_MS = 10 * 60_000; // bytes seen again within this time are not written again
const MAX_REMEMBERED = 10_000;
/** What was used so lately is left alone: the row of its request may still be on its way. */
const GRACE_MS = 2 * RENEW_MS;
const DELETES_AT_ONCE = 500;
/** What is in use goes by no sweep, and each reads the whole list. */
const TELL_AGAIN_MS = 60_000;

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
  const uses = createUses(now);
  const size = createSize(now);

  function remember(input: CachedInput): void {
    uses.note(input.sha256);
    size.grow(input.sizeBytes);
    seen.delete(input.sha256);
    seen.set(input.sha256, { atMs: now(), input });
    const oldest = seen.keys().next().value;
    if (seen.size > MAX_REMEMBERED && oldest !== undefined) seen.delete(oldest);
  }

  // The same picture in request after request, the usual case, costs its hash and no write.
  async function known(sha256: string): Promise<CachedInput | undefined> {
    const found = seen.get(sha256);
    if (!found || now() - found.atMs > RENEW_MS) return undefined;
    if (!(await storage.has(keyOf(sha256)))) return undefined;
    uses.note(sha256);
    return found.input;
  }

  async function keep(source: Readable | Buffer, options: PutOptions): Promise<CachedInput> {
    const sha256 = Buffer.isBuffer(source) ? await digest(source) : undefined;
    const before = sha256 === undefined ? undefined : await known(sha256);
    if (before) return before;
    if (sha256 !== undefined && storage.isAtomic) {
      const input = await describe(await storage.put(keyOf(sha256), source, { ...options, sha256 }));
      remember(input);
      return input;
    }
    // Under a name of its own first: a crash half-way must not leave wrong bytes under a hash that others trust.
    const spoolKey = `${PREFIX}spool-${randomUUID()}`;
    const stored = await storage.put(spoolKey, source, sha256 === undefined ? options : { ...options, sha256 });
    await storage.move(spoolKey, keyOf(stored.sha256));
    const input = await describe(stored);
    remember(input);
    return input;
  }

  async function open(sha256: string): Promise<Opened | undefined> {
    const opened = await storage.open(keyOf(sha256));
    if (opened !== undefined && now() - uses.at(sha256) > RENEW_MS) {
      uses.note(sha256);
      await storage.touch?.(keyOf(sha256));
    }
    return opened;
  }

  async function sweep(limits: SweepLimits): Promise<number> {
    const { gone, leftBytes } = await sweepInputs({ storage, now, usedAt: uses.at }, limits);
    for (const { sha256 } of gone) seen.delete(sha256);
    size.know(leftBytes);
    return gone.length;
  }

  return { keep, open, sweep, watch: size.watch };
}

/** When inputs were used here; what other replicas and earlier starts did is told by the storage. */
function createUses(now: () => number) {
  const used = new Map<string, number>(); // by hash, oldest first
  return {
    at: (sha256: string) => used.get(sha256) ?? 0,
    note(sha256: string) {
      used.delete(sha256);
      used.set(sha256, now());
      const oldest = used.keys().next().value;
      if (used.size > MAX_REMEMBERED && oldest !== undefined) used.delete(oldest);
    },
  };
}

/** A guess between two sweeps: what was there before the first is not known, and what was kept twice counts twice. */
function createSize(now: () => number) {
  let bytes = 0;
  let watcher: SizeWatcher | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    grow(by: number) {
      bytes += by;
      if (watcher === undefined || bytes <= watcher.maxBytes || now() - toldAt < TELL_AGAIN_MS) return;
      toldAt = now();
      watcher.onExceeded();
    },
    know(all: number) {
      bytes = all;
    },
    watch(by: SizeWatcher | undefined) {
      watcher = by;
    },
  };
}

interface SweepDeps {
  readonly storage: Storage;
  readonly now: () => number;
  readonly usedAt: (sha256: string) => number;
}

/** What went, and how much is left. */
async function sweepInputs({ storage, now, usedAt }: SweepDeps, limits: SweepLimits) {
  const entries: SweepEntry[] = [];
  for await (const { key, sizeBytes, modifiedAtMs } of storage.list(PREFIX)) {
    if (!OURS.test(key)) continue; // somebody else's, in a bucket without a prefix
    const sha256 = key.slice(PREFIX.length);
    entries.push({ key, sha256, sizeBytes, usedAtMs: Math.max(modifiedAtMs, usedAt(sha256)) });
  }
  const olderThanMs = Math.max(limits.olderThanMs, GRACE_MS);
  const rules = { olderThanMs, graceMs: GRACE_MS, maxBytes: limits.maxBytes, nowMs: now() };
  const sizeOf = (some: readonly SweepEntry[]) => some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const mayGo = chooseToGo(entries, { ...rules, inUse: new Set() }).length > 0;
  const gone = mayGo ? chooseToGo(entries, { ...rules, inUse: await limits.listInUse() }) : [];
  for (let at = 0; at < gone.length; at += DELETES_AT_ONCE) {
    await storage.removeAll(gone.slice(at, at + DELETES_AT_ONCE).map(({ key }) => key));
  }
  return { gone, leftBytes: sizeOf(entries) - sizeOf(gone) };
}
