// A stand-in for an S3-compatible server: speaks the real HTTP API to the real client, keeps one bucket in memory, and
// breaks in the ways that such servers and the lines to them do. Used by the tests of storage; run-s3-server.ts runs it as
// a process of its own.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerS3, type S3Answer, type S3Call } from './s3-api.ts';
import { createS3Objects, md5, type S3Objects, S3Refusal } from './s3-objects.ts';

export type S3Operation =
  | 'put'
  | 'copy'
  | 'get'
  | 'head'
  | 'delete'
  | 'list'
  | 'start-upload'
  | 'put-part'
  | 'complete'
  | 'abort';

/** What goes wrong with the next `times` calls of an operation. */
export interface S3Fault {
  readonly operation: S3Operation;
  /** A status with its code; or: the reply ends half-way; the line is reset before or after the work; no reply at all;
   * an ETag that is not the object's; an acknowledgement of what is not kept; a reply in drips. */
  readonly how:
    | { readonly status: number; readonly code: string }
    | 'truncate'
    | 'reset'
    | 'reset-after'
    | 'hang'
    | 'wrong-etag'
    | 'lose'
    | 'drip';
  times: number;
}

export interface S3Server {
  readonly url: string;
  readonly bucket: string;
  readonly store: S3Objects;
  readonly faults: S3Fault[];
  /** Every operation that was asked for, in order. */
  readonly asked: S3Operation[];
  close(): Promise<void>;
}

export const S3_CREDENTIALS = { accessKeyId: 'comfleet-test', secretAccessKey: 'comfleet-test-secret' };
const DRIP_MS = 50;
const WRONG_ETAG = '"00000000000000000000000000000000"';

export async function startS3Server({ bucket = 'pictures', port = 0 } = {}): Promise<S3Server> {
  const store = createS3Objects();
  const faults: S3Fault[] = [];
  const asked: S3Operation[] = [];
  const server = createServer((request, response) => {
    serve({ store, bucket, faults, asked }, request, response).catch((error) => refuse(response, error));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bucket, store, faults, asked, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

type Served = Pick<S3Server, 'store' | 'bucket' | 'faults' | 'asked'>;

async function serve(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://s3');
  const body = await readBody(request);
  authorize(request, url);
  checkBody(request, body);
  const [, bucket = '', ...rest] = decodeURIComponent(url.pathname).split('/');
  if (bucket !== served.bucket) throw new S3Refusal(404, 'NoSuchBucket');
  const call: S3Call = { method: request.method ?? 'GET', key: rest.join('/'), query: url.searchParams, request, body };
  const operation = operationOf(call);
  served.asked.push(operation);
  const fault = served.faults.find((each) => each.operation === operation && each.times > 0);
  if (fault === undefined) return send(response, answerS3(served.store, call));
  fault.times -= 1;
  await fail(fault, { served, call, response });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Who calls and until when; signatures are the client's business and not computed again. */
function authorize({ headers }: IncomingMessage, { searchParams }: URL): void {
  const credential =
    searchParams.get('X-Amz-Credential') ?? /Credential=([^,]+)/.exec(headers.authorization ?? '')?.[1];
  if (credential === undefined) throw new S3Refusal(403, 'AccessDenied');
  if (credential.split('/')[0] !== S3_CREDENTIALS.accessKeyId) throw new S3Refusal(403, 'InvalidAccessKeyId');
  const signature =
    searchParams.get('X-Amz-Signature') ?? /Signature=([\da-f]{64})/.exec(headers.authorization ?? '')?.[1];
  if (signature === undefined) throw new S3Refusal(403, 'SignatureDoesNotMatch');
}

function checkBody({ headers }: IncomingMessage, body: Buffer): void {
  const sha256 = String(headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD');
  if (/^[\da-f]{64}$/.test(sha256) && sha256 !== createHash('sha256').update(body).digest('hex')) {
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch');
  }
  const wanted = headers['content-md5'];
  if (wanted !== undefined && Buffer.from(String(wanted), 'base64').toString('hex') !== md5(body)) {
    throw new S3Refusal(400, 'BadDigest');
  }
}

function operationOf({ method, key, query, request }: S3Call): S3Operation {
  if (query.has('delete')) return 'delete';
  if (query.has('uploads')) return method === 'POST' ? 'start-upload' : 'list';
  if (query.has('partNumber')) return 'put-part';
  if (query.has('uploadId')) return method === 'POST' ? 'complete' : 'abort';
  if (method === 'PUT') return request.headers['x-amz-copy-source'] === undefined ? 'put' : 'copy';
  if (method === 'DELETE') return 'delete';
  if (method === 'HEAD') return 'head';
  return key === '' ? 'list' : 'get';
}

interface Failing {
  readonly served: Served;
  readonly call: S3Call;
  readonly response: ServerResponse;
}

async function fail({ how, operation }: S3Fault, { served, call, response }: Failing): Promise<void> {
  if (typeof how === 'object') throw new S3Refusal(how.status, how.code);
  if (how === 'hang') return;
  if (how === 'reset') return void response.destroy();
  const answer = answerS3(how === 'lose' ? createS3Objects() : served.store, call);
  if (how === 'reset-after') return void response.destroy();
  if (how === 'wrong-etag') return send(response, { ...answer, headers: { ...answer.headers, etag: WRONG_ETAG } });
  if (how === 'lose' || operation !== 'get') return send(response, answer);
  await sendBroken(how, response, answer);
}

function send(response: ServerResponse, { status, headers, bytes }: S3Answer): void {
  response.writeHead(status, headers);
  for (const part of bytes) response.write(part);
  response.end();
}

/** The first half of the bytes under the headers of all of them; or all of them, a piece at a time. */
async function sendBroken(how: 'truncate' | 'drip', response: ServerResponse, answer: S3Answer): Promise<void> {
  const whole = Buffer.concat(answer.bytes);
  response.writeHead(answer.status, answer.headers);
  if (how === 'truncate') {
    response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => response.destroy());
    return;
  }
  const step = Math.ceil(whole.length / 4);
  for (let at = 0; at < whole.length; at += step) {
    response.write(whole.subarray(at, at + step));
    await new Promise((resolve) => setTimeout(resolve, DRIP_MS));
  }
  response.end();
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, code } = error instanceof S3Refusal ? error : new S3Refusal(500, 'InternalError');
  const words = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml' }).end(words);
}
