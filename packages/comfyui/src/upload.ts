// POST /upload/image: puts a file of any kind into an instance's input folder. The multipart body is written by hand,
// so that a large file streams through with a known length instead of being gathered.
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { malformed, requireJson } from './answers.ts';
import { ComfyError } from './comfy-error.ts';
import { readString } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import { splitRelativePath } from './outputs.ts';

export type UploadSource = { bytes: Uint8Array } | { stream: Readable; sizeBytes: number };

export interface UploadTarget {
  /** A bare name of our choosing; a tenant's own name may mean something to ComfyUI (`cat [output]`). */
  filename: string;
  subfolder: string;
  type: 'input' | 'temp' | 'output';
  overwrite: boolean;
  contentType: string;
  signal?: AbortSignal;
}

export type Upload = UploadSource & UploadTarget;

/** Where the file is now: without `overwrite` ComfyUI may have chosen another name. */
export interface Uploaded {
  name: string;
  subfolder: string;
  type: string;
}

/** Time enough for 500 MB over a slow line; an upload that stands still fails by its idle time-out. */
const UPLOAD_MS = 30 * 60_000;

export async function uploadFile(http: Http, upload: Upload): Promise<Uploaded> {
  try {
    checkTarget(upload);
    const request = buildRequest(upload);
    const answer = await requireJson(http, request, 'fast');
    const name = readString(answer, 'name');
    const subfolder = readString(answer, 'subfolder') ?? '';
    const type = readString(answer, 'type') ?? upload.type;
    // The name goes into a graph: a path in it would point elsewhere.
    if (name === undefined || splitRelativePath(name)?.length !== 1)
      throw malformed(request, undefined, 'no usable name');
    return { name, subfolder, type };
  } finally {
    if ('stream' in upload && !upload.stream.destroyed) upload.stream.destroy();
  }
}

function checkTarget({ filename, subfolder, contentType }: UploadTarget): void {
  const isBareName = splitRelativePath(filename)?.length === 1 && !filename.includes('"');
  const isBelow = subfolder === '' || (splitRelativePath(subfolder) !== undefined && !subfolder.includes('"'));
  const refuse = (what: string): ComfyError => new ComfyError('argument', `upload: ${what}`, { mayHaveArrived: false });
  if (!isBareName || /[/\\]/.test(filename)) throw refuse('the file name has path parts, quotes or control characters');
  if (!isBelow) throw refuse('the subfolder leads out of the folder');
  if (!/^[\w.+-]+\/[\w.+-]+$/.test(contentType)) throw refuse('the content type is not a plain one');
}

function buildRequest(upload: Upload): HttpRequest {
  const boundary = `----comfyui-${randomUUID()}`;
  const field = (name: string, value: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = Buffer.from(
    field('type', upload.type) +
      field('subfolder', upload.subfolder) +
      field('overwrite', upload.overwrite ? 'true' : 'false') +
      `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="${upload.filename}"\r\n` +
      `content-type: ${upload.contentType}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const sizeBytes = 'bytes' in upload ? upload.bytes.byteLength : upload.sizeBytes;
  return {
    method: 'POST',
    path: '/upload/image',
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: joinParts(head, upload, tail),
    bodyBytes: head.length + sizeBytes + tail.length,
    totalMs: UPLOAD_MS,
    ...(upload.signal === undefined ? {} : { signal: upload.signal }),
  };
}

async function* joinParts(head: Buffer, source: UploadSource, tail: Buffer): AsyncGenerator<Uint8Array> {
  yield head;
  if ('bytes' in source) yield source.bytes;
  else yield* requireSize(source.stream, source.sizeBytes);
  yield tail;
}

/** A file shorter or longer than promised must fail as such, not as a torn request. */
async function* requireSize(stream: Readable, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  try {
    for await (const chunk of stream) {
      const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      seenBytes += bytes.byteLength;
      if (seenBytes > sizeBytes) break;
      yield bytes;
    }
  } catch (error) {
    throw toSourceError(error);
  }
  if (seenBytes !== sizeBytes) throw new ComfyError('source', `upload: the source is not ${sizeBytes} bytes long`);
}

function toSourceError(error: unknown): ComfyError {
  return new ComfyError('source', 'upload: the source failed', { cause: error });
}
