// Each call of the S3 API that the store makes, answered from s3-objects.ts. Called by s3-server.ts.
import type { IncomingMessage } from 'node:http';
import { type S3Object, type S3Objects, S3Refusal } from './s3-objects.ts';

export interface S3Call {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

type Headers = Record<string, string | number>;

export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: readonly Buffer[];
}

interface Answer {
  readonly status?: number;
  readonly headers?: Headers;
  readonly xml?: string;
  readonly bytes?: readonly Buffer[];
}

const PAGE = 1000;

export function answerS3(store: S3Objects, call: S3Call): S3Answer {
  const { status = 200, headers = {}, xml, bytes = [] } = answer(store, call);
  const body = xml === undefined ? bytes : [Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${xml}`)];
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const type = xml === undefined ? {} : { 'content-type': 'application/xml' };
  return { status, headers: { 'content-length': length, ...type, ...headers }, bytes: body };
}

function answer(store: S3Objects, call: S3Call): Answer {
  const { method, key, query } = call;
  if (key === '') return answerBucket(store, call);
  if (query.has('uploads')) {
    const uploadId = store.startUpload(key, ownHeaders(call.request));
    return { xml: `<InitiateMultipartUploadResult><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>` };
  }
  const uploadId = query.get('uploadId');
  if (uploadId !== null) return answerUpload(store, call, uploadId);
  if (method === 'PUT') return answerPut(store, call);
  if (method === 'DELETE') {
    store.objects.delete(key);
    return { status: 204 };
  }
  return answerRead(store, call);
}

function answerBucket(store: S3Objects, { method, query, body }: S3Call): Answer {
  if (method === 'HEAD') return {};
  if (query.has('delete')) {
    const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => unquote(key));
    if (keys.length > PAGE) throw new S3Refusal(400, 'MalformedXML');
    for (const key of keys) store.objects.delete(key);
    return { xml: '<DeleteResult/>' };
  }
  const prefix = query.get('prefix') ?? '';
  if (query.has('uploads')) return { xml: listUploads(store, prefix) };
  const limit = Math.min(Number(query.get('max-keys') ?? PAGE), PAGE);
  const { found, isTruncated } = store.list(prefix, query.get('continuation-token') ?? '', limit);
  const contents = found.map(
    ([key, { sizeBytes, etag, modifiedAtMs }]) =>
      `<Contents><Key>${key}</Key><Size>${sizeBytes}</Size><ETag>${etag}</ETag><LastModified>${isoDate(modifiedAtMs)}</LastModified></Contents>`,
  );
  const last = found.at(-1)?.[0] ?? '';
  const next = isTruncated ? `<NextContinuationToken>${last}</NextContinuationToken>` : '';
  const head = `<IsTruncated>${isTruncated}</IsTruncated><KeyCount>${found.length}</KeyCount>${next}`;
  return { xml: `<ListBucketResult>${head}${contents.join('')}</ListBucketResult>` };
}

function listUploads(store: S3Objects, prefix: string): string {
  const uploads = [...store.uploads]
    .filter(([, { key }]) => key.startsWith(prefix))
    .map(
      ([id, { key, startedAtMs }]) =>
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${isoDate(startedAtMs)}</Initiated></Upload>`,
    );
  return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${uploads.join('')}</ListMultipartUploadsResult>`;
}

function answerUpload(store: S3Objects, { method, query, body }: S3Call, uploadId: string): Answer {
  if (method === 'PUT')
    return { headers: { etag: store.putPart(uploadId, Number(query.get('partNumber')), body).etag } };
  if (method === 'DELETE') {
    store.abortUpload(uploadId);
    return { status: 204 };
  }
  const listed = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: unquote(/<ETag>([^<]*)</.exec(part)?.[1] ?? ''),
  }));
  const { etag } = store.completeUpload(uploadId, listed);
  const xml = `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`;
  return { xml };
}

function answerPut(store: S3Objects, { key, request, body }: S3Call): Answer {
  const source = request.headers['x-amz-copy-source'];
  if (source === undefined) return { headers: { etag: store.put(key, body, ownHeaders(request)).etag } };
  const from = decodeURIComponent(String(source)).replace(/^\/?[^/]+\//, '');
  const { etag, modifiedAtMs } = store.copy(from, key);
  return {
    xml: `<CopyObjectResult><ETag>${etag}</ETag><LastModified>${isoDate(modifiedAtMs)}</LastModified></CopyObjectResult>`,
  };
}

function answerRead(store: S3Objects, { method, key, query, request }: S3Call): Answer {
  const object = store.get(key);
  const wanted = request.headers['if-match'];
  if (wanted !== undefined && wanted !== object.etag) throw new S3Refusal(412, 'PreconditionFailed');
  const headers: Headers = {
    ...object.headers,
    etag: object.etag,
    'last-modified': new Date(object.modifiedAtMs).toUTCString(),
    'accept-ranges': 'bytes',
    'x-since-ms': object.sinceMs, // no server says so; read by campaigns
  };
  for (const name of ['content-type', 'content-disposition', 'cache-control']) {
    const override = query.get(`response-${name}`);
    if (override !== null) headers[name] = override;
  }
  if (method === 'HEAD') return { headers: { ...headers, 'content-length': object.sizeBytes } };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range === null) return { headers, bytes: object.parts };
  const [start, end] = [Number(range[1]), Math.min(Number(range[2] || Infinity), object.sizeBytes - 1)];
  if (start >= object.sizeBytes) throw new S3Refusal(416, 'InvalidRange');
  headers['content-range'] = `bytes ${start}-${end}/${object.sizeBytes}`;
  return { status: 206, headers, bytes: slice(object, start, end + 1) };
}

function slice({ parts }: S3Object, start: number, end: number): Buffer[] {
  let at = 0;
  const found: Buffer[] = [];
  for (const part of parts) {
    const piece = part.subarray(Math.max(0, start - at), Math.max(0, end - at));
    if (piece.length > 0) found.push(piece);
    at += part.length;
  }
  return found;
}

/** What is told of an object when it is read, as it was when it was written. */
function ownHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

function isoDate(ms: number): string {
  return new Date(ms).toISOString();
}

function unquote(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&');
}
