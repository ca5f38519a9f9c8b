// What the S3 stand-in keeps: one bucket's objects and unfinished uploads, in memory, by the rules of the S3 API that a
// client can see (ETags, part sizes, ordered listings). Used by s3-server.ts.
import { createHash, randomUUID } from 'node:crypto';

export interface S3Object {
  readonly parts: readonly Buffer[];
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
  /** Since when these bytes are there: a call that comes late may write them again. */
  readonly sinceMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

interface Part {
  readonly bytes: Buffer;
  readonly etag: string;
}

export interface Upload {
  readonly key: string;
  readonly startedAtMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, Part>;
}

/** What the API answers when it refuses. */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export const MIN_PART_BYTES = 5 * 1024 * 1024;

export function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

export interface S3Objects {
  readonly objects: Map<string, S3Object>;
  readonly uploads: Map<string, Upload>;
  put(key: string, bytes: Buffer, headers: Record<string, string>): S3Object;
  get(key: string): S3Object;
  copy(from: string, to: string): S3Object;
  /** Sorted, after `after`, at most `limit`. */
  list(prefix: string, after: string, limit: number): { found: [string, S3Object][]; isTruncated: boolean };
  startUpload(key: string, headers: Record<string, string>): string;
  putPart(uploadId: string, number: number, bytes: Buffer): Part;
  completeUpload(uploadId: string, listed: readonly { number: number; etag: string }[]): S3Object;
  abortUpload(uploadId: string): void;
}

export function createS3Objects(now: () => number = Date.now): S3Objects {
  const objects = new Map<string, S3Object>();
  const uploads = new Map<string, Upload>();

  function keep(key: string, object: Pick<S3Object, 'parts' | 'etag' | 'headers'>): S3Object {
    const sizeBytes = object.parts.reduce((sum, part) => sum + part.length, 0);
    const [modifiedAtMs, before] = [now(), objects.get(key)];
    const sinceMs = before?.etag === object.etag ? before.sinceMs : modifiedAtMs;
    const kept = { ...object, sizeBytes, modifiedAtMs, sinceMs };
    objects.set(key, kept);
    return kept;
  }
  function get(key: string): S3Object {
    const found = objects.get(key);
    if (found === undefined) throw new S3Refusal(404, 'NoSuchKey');
    return found;
  }
  function uploadOf(uploadId: string): Upload {
    const found = uploads.get(uploadId);
    if (found === undefined) throw new S3Refusal(404, 'NoSuchUpload');
    return found;
  }
  return {
    objects,
    uploads,
    get,
    put: (key, bytes, headers) => keep(key, { parts: [bytes], etag: `"${md5(bytes)}"`, headers }),
    copy: (from, to) => keep(to, get(from)),
    list(prefix, after, limit) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const found = keys.slice(0, limit).map((key): [string, S3Object] => [key, get(key)]);
      return { found, isTruncated: keys.length > limit };
    },
    startUpload(key, headers) {
      const uploadId = randomUUID();
      uploads.set(uploadId, { key, startedAtMs: now(), headers, parts: new Map() });
      return uploadId;
    },
    putPart(uploadId, number, bytes) {
      const part = { bytes, etag: `"${md5(bytes)}"` };
      uploadOf(uploadId).parts.set(number, part);
      return part;
    },
    completeUpload(uploadId, listed) {
      const upload = uploadOf(uploadId);
      const parts = listed.map(({ number, etag }) => {
        const part = upload.parts.get(number);
        if (part?.etag !== etag) throw new S3Refusal(400, 'InvalidPart');
        return part;
      });
      if (parts.slice(0, -1).some(({ bytes }) => bytes.length < MIN_PART_BYTES)) {
        throw new S3Refusal(400, 'EntityTooSmall');
      }
      const digests = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), 'hex')));
      uploads.delete(uploadId);
      const etag = `"${md5(digests)}-${parts.length}"`;
      return keep(upload.key, { parts: parts.map(({ bytes }) => bytes), etag, headers: upload.headers });
    },
    abortUpload(uploadId) {
      uploadOf(uploadId);
      uploads.delete(uploadId);
    },
  };
}
