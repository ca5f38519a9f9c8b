// Turns a stored file and a request into a reply that the route only has to pass on. download-plan.pure.ts decides.
import type { Readable } from 'node:stream';
import { type DownloadAsk, type Downloadable, dispositionOf, planDownload } from './download-plan.pure.ts';
import { refuseUnavailable } from './refuse-unavailable.ts';
import type { Storage } from './storage.ts';

export interface StoredFile extends Downloadable {
  content: { kind: 'inline'; bytes: Buffer } | { kind: 'stored'; key: string };
}

export type FileReply =
  | { kind: 'reply'; status: number; headers: Record<string, string>; body: Readable | Buffer | undefined }
  | { kind: 'missing' }; // the row is there and the bytes are not: 404 to the caller, an error in the log

export interface ServeDeps {
  readonly storage: Storage;
  /** How long a URL of the storage is good that a download is sent on to; 0: the bytes pass through here. */
  readonly presignedUrlSeconds: number;
}

// Never 200 with fewer bytes than announced: a blob whose size is not the row's counts as missing.
export async function sendStoredFile(deps: ServeDeps, file: StoredFile, ask: DownloadAsk): Promise<FileReply> {
  const plan = planDownload(file, ask);
  const { status, headers, range } = plan;
  if (!plan.hasBody) return { kind: 'reply', status, headers, body: undefined };
  if (file.content.kind === 'inline') {
    const { bytes } = file.content;
    return { kind: 'reply', status, headers, body: range ? bytes.subarray(range.start, range.end + 1) : bytes };
  }
  if (deps.presignedUrlSeconds > 0 && deps.storage.sign) return await sendOn(deps, file, file.content.key);
  const opened = await refuseUnavailable(deps.storage.open(file.content.key, range));
  if (!opened) return { kind: 'missing' };
  if (opened.sizeBytes !== file.sizeBytes) {
    opened.stream.destroy();
    return { kind: 'missing' };
  }
  return { kind: 'reply', status, headers, body: opened.stream };
}

/** The caller asks the storage, which knows ranges itself; the answer is good for this one time. */
async function sendOn(deps: ServeDeps, file: StoredFile, key: string): Promise<FileReply> {
  if (!(await refuseUnavailable(deps.storage.has(key)))) return { kind: 'missing' };
  const { contentType } = file;
  const forSeconds = deps.presignedUrlSeconds;
  const url = await deps.storage.sign?.(key, { contentType, contentDisposition: dispositionOf(file), forSeconds });
  const headers = { location: url ?? '', 'cache-control': 'no-store', 'content-length': '0' };
  return { kind: 'reply', status: 302, headers, body: undefined };
}
