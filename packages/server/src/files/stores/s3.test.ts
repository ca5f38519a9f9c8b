// The S3 store against a server that speaks the real HTTP API, whole and broken; against another S3-compatible server with
// COMFLEET_TEST_S3 (docs/storage.md).
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { S3_CREDENTIALS, type S3Fault, type S3Server, startS3Server } from '../../../testing/s3-server.ts';
import { testStore } from '../../../testing/test-store.ts';
import type { Storage } from '../storage.ts';
import { readStorageUrl, type S3Settings } from '../storage-url.ts';
import { openS3Store } from './s3.ts';
import { loadS3Library } from './s3-client.ts';

const MAX = { maxBytes: 2 ** 40 };
const MIB = 1024 * 1024;

let server: S3Server;
let count = 0;

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server.close());

function settings(given: Partial<S3Settings> = {}): S3Settings {
  count += 1;
  const { url: endpoint, bucket } = server;
  return { kind: 's3', bucket, prefix: `run-${count}/`, region: 'us-east-1', endpoint, pathStyle: true, ...given };
}

function open(given: Partial<S3Settings> = {}, options = {}): Promise<Storage> {
  return openS3Store(settings(given), { credentials: S3_CREDENTIALS, ...options });
}

testStore('s3', async () => {
  const storage = await open();
  return { storage, destroy: async () => storage.close() };
});

const elsewhere = process.env['COMFLEET_TEST_S3'];
if (elsewhere !== undefined) {
  testStore('s3 elsewhere', async () => {
    const read = readStorageUrl(elsewhere, '/');
    if (!('kind' in read) || read.kind !== 's3') throw new Error('COMFLEET_TEST_S3 is no URL of an S3 storage');
    const storage = await openS3Store({ ...read, prefix: `${read.prefix}run-${Date.now()}/` });
    return { storage, destroy: async () => storage.close() };
  });
}

describe('s3', () => {
  let storage: Storage;

  beforeAll(async () => {
    storage = await open({}, { maxAttempts: 3 });
  });
  afterAll(() => storage.close());
  beforeEach(() => {
    server.faults.length = 0;
    server.asked.length = 0;
  });

  const fault = (operation: S3Fault['operation'], how: S3Fault['how'], times = 1) =>
    server.faults.push({ operation, how, times });
  const down = { status: 503, code: 'ServiceUnavailable' };
  const read = async (key: string, range?: { start: number; end: number }) => {
    const opened = await storage.open(key, range);
    return opened && (await buffer(opened.stream));
  };
  const pieces = (bytes: Buffer) => Readable.from(slices(bytes, 60_000), { objectMode: false });

  it('a large stream goes up in parts, and what is left of it is nothing when it breaks off', async () => {
    const bytes = randomBytes(12 * MIB + 17);
    await storage.put('large', pieces(bytes), MAX);
    expect(server.asked).toEqual(['start-upload', 'put-part', 'put-part', 'put-part', 'complete', 'head']);
    expect((await read('large'))?.equals(bytes)).toBe(true);
    const breaking = Readable.from(
      (function* () {
        yield* slices(bytes, 60_000);
        throw new Error('reset');
      })(),
    );
    await expect(storage.put('broken', breaking, MAX)).rejects.toMatchObject({ kind: 'source' });
    expect(server.store.uploads.size).toBe(0);
    await expect(storage.put('over', pieces(bytes), { maxBytes: 11 * MIB })).rejects.toMatchObject({
      kind: 'too_large',
    });
    expect([server.store.uploads.size, await storage.has('broken'), await storage.has('over')]).toEqual([
      0,
      false,
      false,
    ]);
  });

  it('exactly one part is one call, exactly two are two parts', async () => {
    for (const size of [5 * MIB, 10 * MIB]) {
      const bytes = Buffer.alloc(size, size % 251);
      expect((await storage.put('edge', bytes, MAX)).sizeBytes).toBe(size);
      expect((await read('edge'))?.equals(bytes)).toBe(true);
    }
    expect(server.asked.filter((each) => each === 'put-part')).toHaveLength(2);
  });

  it.each<[S3Fault['operation'], S3Fault['how']]>([
    ['put', down],
    ['put', { status: 500, code: 'InternalError' }],
    ['put', 'reset'],
    ['put', 'reset-after'],
    ['head', down],
    ['get', down],
    ['get', 'reset'],
    ['get', 'truncate'],
    ['get', 'drip'],
  ])('a %s that fails once (%j) is tried again', async (operation, how) => {
    fault(operation, how);
    const bytes = randomBytes(200_000);
    await storage.put('k', bytes, MAX);
    expect((await read('k'))?.equals(bytes)).toBe(true);
    expect((await read('k', { start: 5, end: 150_000 }))?.equals(bytes.subarray(5, 150_001))).toBe(true);
    expect(server.faults[0]?.times).toBe(0);
  });

  it.each<[S3Fault['operation'], S3Fault['how']]>([
    ['start-upload', down],
    ['put-part', down],
    ['put-part', 'reset'],
    ['complete', { status: 500, code: 'InternalError' }],
    ['complete', 'reset-after'],
  ])('a multipart upload whose %s fails once (%j) gets through', async (operation, how) => {
    fault(operation, how);
    const bytes = randomBytes(6 * MIB);
    await storage.put('parts', pieces(bytes), MAX);
    expect((await read('parts'))?.equals(bytes)).toBe(true);
    expect([server.faults[0]?.times, server.store.uploads.size]).toEqual([0, 0]);
  });

  it('a call that is never answered is given up and made again', async () => {
    const impatient = await open({}, { silenceMs: 500, maxAttempts: 6 });
    for (const operation of ['put', 'head', 'put-part'] as const) fault(operation, 'hang');
    await impatient.put('whole', Buffer.from('x'), MAX);
    await impatient.put('parts', pieces(randomBytes(6 * MIB)), MAX);
    expect([await impatient.has('whole'), await impatient.has('parts')]).toEqual([true, true]);
    expect(server.faults.map(({ times }) => times)).toEqual([0, 0, 0]);
    impatient.close();
  });

  it.each<[S3Fault['operation'], S3Fault['how'], RegExp]>([
    ['put', 'lose', /is not there/],
    ['put', 'wrong-etag', /not what was written/],
    ['head', { status: 404, code: 'NotFound' }, /is not there/],
    ['put', { status: 403, code: 'AccessDenied' }, /may not do this/],
    ['put', { status: 507, code: 'XMinioStorageFull' }, /no room left/],
  ])('a %s that ends with %j stores nothing, and says why', async (operation, how, words) => {
    fault(operation, how, 9);
    await expect(storage.put(`k-${count++}`, Buffer.from('x'), MAX)).rejects.toThrow(words);
  });

  it('a server that stays down is told apart from a missing object and from a full one', async () => {
    fault('get', down, 99);
    await expect(storage.open('k')).rejects.toMatchObject({ kind: 'unavailable' });
    fault('head', down, 99);
    await expect(storage.has('k')).rejects.toMatchObject({ kind: 'unavailable' });
    fault('put', { status: 507, code: 'XMinioStorageFull' }, 99);
    await expect(storage.put('k', Buffer.from('x'), MAX)).rejects.toMatchObject({ kind: 'full' });
  });

  it('bytes that keep breaking off are an error, never a short file', async () => {
    await storage.put('t', randomBytes(100), MAX);
    fault('get', 'truncate', 99);
    const opened = await storage.open('t');
    await expect(buffer(opened?.stream ?? Readable.from([]))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('an object that was replaced while it was read is never mixed with the new one', async () => {
    await storage.put('m', Buffer.alloc(1000, 1), MAX);
    fault('get', 'truncate');
    const opened = await storage.open('m');
    await storage.put('m', Buffer.alloc(1000, 2), MAX);
    await expect(buffer(opened?.stream ?? Readable.from([]))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('many are removed in one call; unfinished uploads past their time are ended, others and those of others are not', async () => {
    const keys = Array.from({ length: 3 }, (_, i) => `gone-${i}`);
    for (const key of keys) await storage.put(key, Buffer.from(key), MAX);
    const prefix = [...server.store.objects.keys()].find((key) => key.endsWith('/gone-0'))?.replace('gone-0', '') ?? '';
    server.asked.length = 0;
    await storage.removeAll([...keys, 'never-there']);
    await storage.removeAll([]);
    expect(server.asked).toEqual(['delete']);
    server.store.startUpload(`${prefix}out-cut-off`, {});
    const others = server.store.startUpload('elsewhere/cut-off', {});
    expect(await storage.removeUnfinished(60_000)).toBe(0);
    expect(await storage.removeUnfinished(0)).toBe(1);
    expect([...server.store.uploads.keys()]).toEqual([others]);
    server.store.abortUpload(others);
  });

  it('unfinished uploads of others in a bucket without a prefix are theirs', async () => {
    const whole = await open({ prefix: '' });
    const others = ['nightly-backup', 'elsewhere/out-1', 'Out'].map((key) => server.store.startUpload(key, {}));
    server.store.startUpload('in-cut-off', {});
    expect(await whole.removeUnfinished(0)).toBe(1);
    expect([...server.store.uploads.keys()]).toEqual(others);
    for (const upload of others) server.store.abortUpload(upload);
    whole.close();
  });

  it('words for a wrong bucket, key, region and address', async () => {
    const put = async (given: Partial<S3Settings>, options = {}) => {
      const wrong = await open(given, { maxAttempts: 1, ...options });
      const problem = await wrong.put('k', Buffer.from('x'), MAX).catch((error: Error) => error.message);
      wrong.close();
      return problem;
    };
    expect(await put({ bucket: 'nowhere' })).toMatch(/there is no bucket "nowhere" at http/);
    const stranger = { credentials: { accessKeyId: 'stranger', secretAccessKey: 'x' } };
    expect(await put({}, stranger)).toMatch(/credentials are not accepted.*InvalidAccessKeyId/);
    expect(await put({ endpoint: 'http://127.0.0.1:9' })).toMatch(/127.0.0.1:9 cannot be reached \(ECONNREFUSED\)/);
    fault('put', 'reset');
    expect(await put({})).toMatch(/the connection to http.* broke off \(ECONNRESET\)/);
    fault('put', { status: 301, code: 'PermanentRedirect' });
    expect(await put({})).toMatch(/another region than us-east-1/);
  });

  it('its client says nothing of the Node.js that its later versions need, and other warnings stay', async () => {
    const script = `import { openS3Store } from ${JSON.stringify(import.meta.resolve('./s3.ts'))};
      (await openS3Store(${JSON.stringify(settings())})).close();
      process.emitWarning('another warning');`;
    const options = ['--import', 'tsx', '--input-type=module', '-e', script];
    const { stderr } = await promisify(execFile)(process.execPath, options);
    expect(stderr).toMatch(/^\(node:\d+\) Warning: another warning\n/);
  });

  it('a signed URL gives the bytes to anybody, under the type and name it was made for', async () => {
    await storage.put('signed', Buffer.from('picture'), MAX);
    const as = { contentType: 'image/png', contentDisposition: 'inline; filename="a.png"', forSeconds: 60 };
    const reply = await fetch((await storage.sign?.('signed', as)) ?? '');
    expect([await reply.text(), reply.headers.get('content-type'), reply.headers.get('content-disposition')]).toEqual([
      'picture',
      'image/png',
      'inline; filename="a.png"',
    ]);
  });

  it('a client that is not installed is named with the command that installs it', async () => {
    const load = () => Promise.reject(new Error("Cannot find package '@aws-sdk/client-s3'"));
    await expect(loadS3Library(load)).rejects.toThrow(/npm install --no-save --omit=dev @aws-sdk\/client-s3@/);
  });
});

function* slices(bytes: Buffer, step: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}
