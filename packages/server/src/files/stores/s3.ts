// Storage in a bucket of an S3-compatible server. What is put is asked for again before it counts as stored; what fails
// is tried again by the client, with growing pauses, and then told in words. Opened by open-storage.ts.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { crashPoint } from '../../telemetry/crash-point.ts';
import {
  type ByteRange,
  type Listed,
  type Opened,
  type PutOptions,
  requireKey,
  type SignedAs,
  type Storage,
  StorageError,
} from '../storage.ts';
import type { S3Settings } from '../storage-url.ts';
import {
  createS3Client,
  isMissing,
  isNamed,
  loadS3Library,
  type S3Client,
  type S3Library,
  type S3Options,
  toS3Error,
} from './s3-client.ts';
import { type Reply, readOn, type Wanted } from './s3-download.ts';
import { tooLarge, type UploadCalls, upload } from './s3-upload.ts';

const DELETES_A_CALL = 1000;
/** What comfleet's keys begin with. */
const OUR_UPLOADS = /^(?:in|out|probe)-/;

interface Deps {
  readonly library: S3Library;
  readonly client: S3Client;
  readonly settings: S3Settings;
}

export async function openS3Store(settings: S3Settings, options: S3Options = {}): Promise<Storage> {
  const library = await loadS3Library();
  const deps = { library, client: createS3Client(library, settings, options), settings };
  addContentMd5(deps);
  const remove = async (key: string) => {
    const { DeleteObjectCommand } = library;
    await guarded(deps, () => deps.client.send(new DeleteObjectCommand(place(deps, key))));
  };
  return {
    isAtomic: true,
    put: async (key, source, wish) => put(deps, { key: requireKey(key), source, wish }),
    open: (key, range) => guarded(deps, () => open(deps, key, range)),
    move: (from, to) => guarded(deps, () => move(deps, from, to)),
    remove,
    removeAll: (keys) => guarded(deps, () => removeAll(deps, keys)),
    removeUnfinished: (olderThanMs) => guarded(deps, () => removeUnfinished(deps, olderThanMs)),
    has: async (key) => (await guarded(deps, () => look(deps, key))) !== undefined,
    list: (prefix) => list(deps, prefix),
    sign: (key, as) => guarded(deps, () => sign(deps, key, as)),
    close: () => deps.client.destroy(),
  };
}

function place({ settings }: Deps, key: string) {
  return { Bucket: settings.bucket, Key: `${settings.prefix}${requireKey(key)}` };
}

async function guarded<T>({ settings }: Deps, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toS3Error(error, settings, signal);
  }
}

/** The deletes of many keys: the client sends a checksum that older servers do not know, and they insist on this one. */
function addContentMd5({ client }: Deps): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { request } = args;
      if (context.commandName === 'DeleteObjectsCommand' && isHttpRequest(request)) {
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return await next(args);
    },
    { step: 'build', name: 'contentMd5OfDeletes', priority: 'low' },
  );
}

function isHttpRequest(value: unknown): value is { headers: Record<string, string>; body: string | Uint8Array } {
  if (typeof value !== 'object' || value === null || !('headers' in value) || !('body' in value)) return false;
  return typeof value.body === 'string' || value.body instanceof Uint8Array;
}

interface Put {
  readonly key: string;
  readonly source: Readable | Buffer;
  readonly wish: PutOptions;
}

async function put(deps: Deps, { key, source, wish }: Put) {
  try {
    if (wish.signal?.aborted) throw new StorageError('the put was given up', { kind: 'aborted' });
    if (Buffer.isBuffer(source) && source.length > wish.maxBytes) throw tooLarge(wish.maxBytes);
    return await upload(callsFor(deps, key, wish.signal), source, wish);
  } catch (error) {
    if (!Buffer.isBuffer(source)) source.destroy();
    throw toS3Error(error, deps.settings, wish.signal);
  }
}

function callsFor(deps: Deps, key: string, signal: AbortSignal | undefined): UploadCalls {
  const { library, client } = deps;
  const at = place(deps, key);
  const during = signal === undefined ? {} : { abortSignal: signal };
  return {
    async putWhole(bytes) {
      const { ETag } = await client.send(new library.PutObjectCommand({ ...at, Body: bytes }), during);
      crashPoint('mid-store');
      await verify(deps, key, { sizeBytes: bytes.length, etag: ETag });
    },
    async start() {
      const { UploadId } = await client.send(new library.CreateMultipartUploadCommand(at), during);
      if (UploadId === undefined) throw new StorageError('[s3] an upload began without an id', { kind: 'unavailable' });
      return UploadId;
    },
    async putPart(UploadId, number, bytes) {
      const command = new library.UploadPartCommand({ ...at, UploadId, PartNumber: number, Body: bytes });
      const { ETag } = await client.send(command, during);
      return { number, etag: ETag ?? '' };
    },
    async complete(UploadId, parts, sizeBytes) {
      const Parts: CompletedPart[] = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
      const command = new library.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } });
      const etag = await client.send(command, during).then(
        (reply) => reply.ETag,
        (error) => {
          // Completed by a try whose reply was lost: then the object is there.
          if (isNamed(error, 'NoSuchUpload')) return undefined;
          throw error;
        },
      );
      await verify(deps, key, { sizeBytes, etag });
    },
    async abort(UploadId) {
      await client.send(new library.AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => undefined);
    },
  };
}

/** Nothing counts as stored before the server shows it: as large as it was sent, and as the server itself named it. */
async function verify(deps: Deps, key: string, sent: { sizeBytes: number; etag: string | undefined }): Promise<void> {
  const found = await look(deps, key);
  const isSame =
    found?.ContentLength === sent.sizeBytes &&
    (sent.etag === undefined || found.ETag === undefined || found.ETag === sent.etag);
  if (isSame) return;
  const what = found === undefined ? 'is not there' : 'is not what was written';
  throw new StorageError(`[s3] what the server said it stored ${what}`, { kind: 'unavailable' });
}

async function look(deps: Deps, key: string) {
  try {
    return await deps.client.send(new deps.library.HeadObjectCommand(place(deps, key)));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function open(deps: Deps, key: string, range: ByteRange | undefined): Promise<Opened | undefined> {
  let first: Reply;
  try {
    first = await ask(deps, key, range && { ...range, etag: undefined });
  } catch (error) {
    // A range behind the end: the object is shorter than the row says, and so not the one.
    if (isMissing(error) || isNamed(error, 'InvalidRange')) return undefined;
    throw error;
  }
  const wanted = { start: range?.start ?? 0, end: range?.end ?? first.sizeBytes - 1 };
  const again = (part: Wanted) => guarded(deps, () => ask(deps, key, part));
  return { stream: readOn(first, wanted, again), sizeBytes: first.sizeBytes };
}

async function ask(deps: Deps, key: string, wanted: Wanted | undefined): Promise<Reply> {
  const command = new deps.library.GetObjectCommand({
    ...place(deps, key),
    ...(wanted === undefined ? {} : { Range: `bytes=${wanted.start}-${wanted.end}` }),
    ...(wanted?.etag === undefined ? {} : { IfMatch: wanted.etag }),
  });
  const { Body, ContentLength, ContentRange, ETag } = await deps.client.send(command);
  if (!(Body instanceof Readable)) throw new Error('a reply without a body');
  const sizeBytes = wanted === undefined ? ContentLength : Number(ContentRange?.split('/')[1]);
  if (sizeBytes === undefined || Number.isNaN(sizeBytes)) {
    Body.destroy();
    throw new Error('a reply that does not say how large the object is');
  }
  return { body: Body, etag: ETag, sizeBytes };
}

async function move(deps: Deps, from: string, to: string): Promise<void> {
  const { library, client } = deps;
  const source = place(deps, from);
  const CopySource = `${source.Bucket}/${encodeURI(source.Key)}`;
  await client.send(new library.CopyObjectCommand({ ...place(deps, to), CopySource }));
  // A copy that is left over is swept.
  await client.send(new library.DeleteObjectCommand(source)).catch(() => undefined);
}

async function removeAll(deps: Deps, keys: readonly string[]): Promise<void> {
  const { library, client } = deps;
  for (let at = 0; at < keys.length; at += DELETES_A_CALL) {
    const Objects = keys.slice(at, at + DELETES_A_CALL).map((key) => ({ Key: place(deps, key).Key }));
    const { Bucket } = place(deps, keys[at] ?? '');
    const { Errors = [] } = await client.send(
      new library.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
    if (first) throw Object.assign(new Error(first.Message ?? ''), { name: first.Code ?? 'DeleteFailed' });
  }
}

async function removeUnfinished(deps: Deps, olderThanMs: number): Promise<number> {
  const { library, client, settings } = deps;
  const pages = paginateUploads(deps);
  let removed = 0;
  for await (const { Key, UploadId, Initiated } of pages) {
    if (Key === undefined || UploadId === undefined || !isOurs(Key.slice(settings.prefix.length))) continue;
    if (Date.now() - (Initiated?.getTime() ?? 0) < olderThanMs) continue;
    await client.send(new library.AbortMultipartUploadCommand({ Bucket: settings.bucket, Key, UploadId }));
    removed += 1;
  }
  return removed;
}

async function* paginateUploads({ library, client, settings }: Deps) {
  let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const command = new library.ListMultipartUploadsCommand({
      Bucket: settings.bucket,
      Prefix: settings.prefix,
      ...markers,
    });
    const { Uploads = [], IsTruncated, NextKeyMarker, NextUploadIdMarker } = await client.send(command);
    yield* Uploads;
    if (IsTruncated !== true || NextKeyMarker === undefined) return;
    markers = {
      KeyMarker: NextKeyMarker,
      ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
    };
  }
}

async function* list(deps: Deps, prefix: string): AsyncGenerator<Listed> {
  const { library, client, settings } = deps;
  const below = `${settings.prefix}${prefix}`;
  try {
    for await (const { Contents = [] } of library.paginateListObjectsV2(
      { client },
      { Bucket: settings.bucket, Prefix: below },
    )) {
      for (const { Key = '', Size = 0, LastModified } of Contents) {
        const key = Key.slice(settings.prefix.length);
        if (isKey(key)) yield { key, sizeBytes: Size, modifiedAtMs: LastModified?.getTime() ?? 0 };
      }
    }
  } catch (error) {
    throw toS3Error(error, settings);
  }
}

/** Without a prefix those of others are listed as well. */
const isOurs = (key: string) => isKey(key) && OUR_UPLOADS.test(key);

/** Others may keep things in the same bucket. */
function isKey(key: string): boolean {
  try {
    return requireKey(key) === key;
  } catch {
    return false;
  }
}

async function sign(deps: Deps, key: string, as: SignedAs): Promise<string> {
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
  const command = new deps.library.GetObjectCommand({
    ...place(deps, key),
    ResponseContentType: as.contentType,
    ResponseContentDisposition: as.contentDisposition,
  });
  return await getSignedUrl(deps.client, command, { expiresIn: as.forSeconds });
}
