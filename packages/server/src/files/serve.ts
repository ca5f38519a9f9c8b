// Turns a stored file and a request into a reply that the route only has to pass on. download-plan.pure.ts decides.
import type { Readable } from 'node:stream';
import { type DownloadAsk, type Downloadable, planDownload } from './download-plan.pure.ts';
import { refuseUnavailable } from './refuse-unavailable.ts';
import type { Storage } from './storage.ts';

export interface StoredFile extends Downloadable {
  content: { kind: 'inline'; bytes: Buffer } | { kind: 'stored'; key: string };
}

export type FileReply =
  | { kind: 'reply'; status: number; headers: Record<string, string>; body: Readable | Buffer | undefined }
  | { kind: 'missing' }; // the row is there and the bytes are not: 404 to the caller, an error in the log

// Never 200 with fewer bytes than announced: a blob whose size is not the row's counts as missing.
export async function sendStoredFile(
  deps: { storage: Storage },
  file: StoredFile,
  ask: DownloadAsk,
): Promise<FileReply> {
  const plan = planDownload(file, ask);
  const { status, headers, range } = plan;
  if (!plan.hasBody) return { kind: 'reply', status, headers, body: undefined };
  if (file.content.kind === 'inline') {
    const { bytes } = file.content;
    return { kind: 'reply', status, headers, body: range ? bytes.subarray(range.start, range.end + 1) : bytes };
  }
  const opened = await refuseUnavailable(deps.storage.open(file.content.key, range));
  if (!opened) return { kind: 'missing' };
  if (opened.sizeBytes !== file.sizeBytes) {
    opened.stream.destroy();
    return { kind: 'missing' };
  }
  return { kind: 'reply', status, headers, body: opened.stream };
}
