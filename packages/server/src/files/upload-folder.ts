// Where callers' files lie below an instance's input folder, and whose they are: by the names that graphs may use. Called
// where a graph's file names are judged (requests, proxy) and where uploads are written.
import { createHash } from 'node:crypto';

/** What callers of the proxy upload, a folder for each account. */
export const UPLOAD_ROOT = 'comfleet-uploads';
/** What requests bring, named by content. */
export const MEDIA_ROOT = 'comfleet';

/** An account's own upload folder. A digest, so that files and graphs do not carry account ids around. */
export function uploadFolder(accountId: string): string {
  return `${UPLOAD_ROOT}/${createHash('sha256').update(accountId).digest('hex').slice(0, 32)}`;
}

/** Does this name of a file lead into another account's uploads? Some file systems do not tell A from a. */
export function isOthersUpload(accountId: string, name: string): boolean {
  const path = normal(name);
  if (path[0] !== UPLOAD_ROOT) return false;
  return `${path[0]}/${path[1]}` !== uploadFolder(accountId);
}

/** Would everything in this folder be files of others, too? */
export function isOthersFolder(accountId: string, folder: string): boolean {
  return normal(folder)[0] === MEDIA_ROOT || isOthersUpload(accountId, folder);
}

function normal(path: string): string[] {
  return path
    .toLowerCase()
    .split('/')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== '.');
}
