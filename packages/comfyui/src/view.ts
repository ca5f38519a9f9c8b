// GET /view: one file of an instance as a stream. Called when outputs are collected from an instance whose disk is
// not ours. The names come from a foreign server: they are only ever sent back to it, encoded.
import type { Readable } from 'node:stream';
import { ComfyError, toComfyError } from './comfy-error.ts';
import type { Http } from './http.ts';

export interface ViewRequest {
  filename: string;
  subfolder: string;
  type: string;
  /** A Range header's value, to go on after a broken transfer. */
  range?: string;
  signal?: AbortSignal;
}

export interface ViewedFile {
  /** 200, or 206 when a range was asked for and served. */
  status: number;
  /** Must be read to its end or destroyed. It fails with a ComfyError. */
  stream: Readable;
  contentType: string | undefined;
  /** Of this stream; undefined when the server does not say. A stream that ends early fails. */
  sizeBytes: number | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
}

/** @throws ComfyError `status` 404 when the file is not there (any more). */
export async function viewFile(http: Http, request: ViewRequest): Promise<ViewedFile> {
  const query = new URLSearchParams({ filename: request.filename, subfolder: request.subfolder, type: request.type });
  const reply = await http.open({
    method: 'GET',
    path: `/view?${query}`,
    ...(request.range === undefined ? {} : { headers: { range: request.range } }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const stream: Readable = reply.body.on('error', ignoreError);
  if (reply.statusCode !== 200 && reply.statusCode !== 206) {
    // Reading on would let a server that lies keep the connection for ever.
    stream.destroy();
    throw new ComfyError('status', `GET /view: status ${reply.statusCode}`, { status: reply.statusCode });
  }
  const length = readHeader(reply.headers, 'content-length');
  return {
    status: reply.statusCode,
    stream: withComfyErrors(stream),
    contentType: readHeader(reply.headers, 'content-type'),
    sizeBytes: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    etag: readHeader(reply.headers, 'etag'),
    lastModified: readHeader(reply.headers, 'last-modified'),
  };
}

/** Errors of the transfer get our type on their way out, without another stream in between. */
function withComfyErrors(stream: Readable): Readable {
  const destroy = stream._destroy.bind(stream);
  stream._destroy = (error, done) => {
    destroy(error, (failure) => done(failure ? toComfyError(failure, 'GET /view') : failure));
  };
  return stream;
}

// Giving a body up reports an abort; whoever reads the stream still hears of it.
function ignoreError(): void {}

function readHeader(headers: Record<string, string | string[] | undefined>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
