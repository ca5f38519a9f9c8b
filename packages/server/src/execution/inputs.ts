// Brings a request's media to an instance: fetched or from the cache, judged by its bytes, uploaded once per instance
// and content. Called by run.ts before the attempt takes its turn.
import type { Readable } from 'node:stream';
import { ComfyError, inputKey } from '@comfleet/comfyui';
import type { InputCache } from '../files/input-cache.ts';
import { fits } from '../files/media-type.ts';
import { type Opened, StorageError } from '../files/storage.ts';
import { MEDIA_ROOT } from '../files/upload-folder.ts';
import { isStorageAway, waitForStorage } from '../files/wait-for-storage.ts';
import type { Instance } from '../instances/fleet.ts';
import type { SafeFetch } from '../net/safe-fetch.ts';
import { toStored } from '../requests/payload.ts';
import type { MediaSource, RequestMedia } from '../requests/stored-body.pure.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { Failure } from './outcome.pure.ts';

interface Deps {
  readonly inputCache: InputCache;
  readonly safeFetch: SafeFetch;
  /** How long a storage that is down or full is waited for. */
  readonly store: { readonly patienceMs: number };
  readonly limits: { readonly maxFetchBytes: number; readonly fetchTimeoutMs: number };
}

type Stored = Extract<MediaSource, { kind: 'stored' }>;

export type Inputs = { kind: 'ok'; names: Map<string, string> } | { kind: 'failed'; failure: Failure };

interface FetchEnd {
  end(how: { readonly status?: number | undefined; readonly error?: string | undefined }): void;
}

/** What was fetched is fetched again when it could not be kept: seldom. */
const FETCHED_AGAIN_AFTER_MS = 20_000;
/** Names remembered for an instance; a forgotten one costs an upload. */
const MAX_UPLOADED = 10_000;

export async function bringInputs(
  deps: Deps,
  given: {
    media: readonly RequestMedia[];
    instance: Instance;
    signal: AbortSignal;
    /** Told of each fetch as it begins; what it gives is told of the end. */
    onFetch: (message: string, url: string) => FetchEnd;
  },
): Promise<Inputs> {
  const names = new Map<string, string>();
  for (const media of given.media) {
    const stored = await storeMedia(deps, media, given);
    if ('failure' in stored) return { kind: 'failed', failure: stored.failure };
    const uploaded = await uploadOnce(deps, { media, stored, instance: given.instance, signal: given.signal });
    if ('failure' in uploaded) return { kind: 'failed', failure: uploaded.failure };
    names.set(inputKey(media.nodeId, media.name), uploaded.name);
  }
  return { kind: 'ok', names };
}

interface FetchWish {
  readonly signal: AbortSignal;
  readonly onFetch: (message: string, url: string) => FetchEnd;
}

async function storeMedia(deps: Deps, media: RequestMedia, wish: FetchWish): Promise<Stored | { failure: Failure }> {
  const { source } = media;
  if (source.kind === 'stored') return source;
  const patience = { ...deps.store, signal: wish.signal, longestPauseMs: FETCHED_AGAIN_AFTER_MS };
  try {
    return await waitForStorage(() => fetchMedia(deps, { ...wish, media, url: source.url }), patience);
  } catch (error) {
    if (isStorageAway(error)) return { failure: storageFailed(media, error) };
    return { failure: mediaFailed(media, shownUrl(source.url), describe(error)) };
  }
}

async function fetchMedia(
  deps: Deps,
  { media, url, signal, onFetch }: FetchWish & { readonly media: RequestMedia; readonly url: string },
): Promise<Stored | { failure: Failure }> {
  const shown = shownUrl(url);
  const fetching = onFetch(`Node ${media.nodeId}, input ${media.name}: fetching ${shown}.`, shown);
  const { maxFetchBytes: maxBytes, fetchTimeoutMs: timeoutMs } = deps.limits;
  const reply = await deps.safeFetch.get(url, { maxBytes, timeoutMs, signal });
  if (reply.kind === 'refused') {
    fetching.end({ status: reply.status, error: reply.reason });
    return { failure: mediaFailed(media, shown, reply.message) };
  }
  try {
    const kept = await deps.inputCache.keep(reply.stream as Readable, { maxBytes, signal });
    fetching.end({ status: reply.status });
    if (fits(media.mediaKind, kept)) return toStored(kept);
    const what = kept.mime === 'application/octet-stream' ? 'no known media type' : kept.mime;
    return { failure: mediaFailed(media, shown, `what came is ${what}, the input takes ${media.mediaKind}`) };
  } catch (error) {
    fetching.end({ error: 'broken_off' });
    throw error;
  }
}

function describe(error: unknown): string {
  if (error instanceof StorageError && error.kind === 'source' && error.cause instanceof Error)
    return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}

function mediaFailed(media: RequestMedia, url: string, why: string): Failure {
  const details = `Node ${media.nodeId}, input ${media.name}: the media at ${url} could not be used: ${why}.`.replace(
    /\.\.$/,
    '.',
  );
  return { kind: 'media_failed', details, debugInfo: '' };
}

/** No fault of the media's: the same request can do better later. */
function storageFailed(media: RequestMedia, { message }: StorageError): Failure {
  const details = `Node ${media.nodeId}, input ${media.name}: the media could not be brought to an instance: the file storage of the service could not be used for too long (${message}). Submit again.`;
  return { kind: 'queue_unexpected', details, debugInfo: '' };
}

/** Without its query string and userinfo: they may hold keys. */
function shownUrl(text: string): string {
  const url = new URL(text);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

async function openStored(deps: Deps, { media, stored, signal }: UploadInput): Promise<Opened | { failure: Failure }> {
  const failed = (why: string) => {
    const details = `Node ${media.nodeId}, input ${media.name}: the stored media ${why}.`;
    return { failure: { kind: 'media_failed' as const, details, debugInfo: '' } };
  };
  try {
    const opened = await waitForStorage(() => deps.inputCache.open(stored.sha256), { ...deps.store, signal });
    return opened ?? failed('is no longer there; submit again');
  } catch (error) {
    if (isStorageAway(error)) return { failure: storageFailed(media, error) };
    return failed(`cannot be read: ${describe(error)}`);
  }
}

interface UploadInput {
  readonly media: RequestMedia;
  readonly stored: Stored;
  readonly instance: Instance;
  readonly signal: AbortSignal;
}

async function uploadOnce(deps: Deps, input: UploadInput): Promise<{ name: string } | { failure: Failure }> {
  const { stored, instance } = input;
  const known = instance.uploaded.get(stored.sha256);
  if (known !== undefined) return { name: known };
  const opened = await openStored(deps, input);
  if ('failure' in opened) return opened;
  try {
    crashPoint('before-input-upload');
    const uploaded = await instance.connection.client.upload({
      stream: opened.stream,
      sizeBytes: opened.sizeBytes,
      filename: `${stored.sha256}.${stored.ext}`,
      subfolder: MEDIA_ROOT,
      type: 'input',
      overwrite: true,
      contentType: stored.mime,
      signal: input.signal,
    });
    crashPoint('after-input-upload');
    const name = uploaded.subfolder === '' ? uploaded.name : `${uploaded.subfolder}/${uploaded.name}`;
    instance.uploaded.set(stored.sha256, name);
    const oldest = instance.uploaded.keys().next().value;
    if (instance.uploaded.size > MAX_UPLOADED && oldest !== undefined) instance.uploaded.delete(oldest);
    return { name };
  } catch (error) {
    const reason = `an input could not be uploaded: ${describe(error)}`;
    // The line is at fault: another try, here or elsewhere, can do better. A verdict of the instance's stays one.
    const isPassing =
      !(error instanceof ComfyError) || !['status', 'malformed', 'argument', 'too_large'].includes(error.kind);
    if (isPassing) return { failure: { kind: 'not_sent', reason } };
    return {
      failure: {
        kind: 'queue_unexpected',
        details: `The instance did not take the upload: ${describe(error)}.`,
        debugInfo: '',
      },
    };
  }
}
