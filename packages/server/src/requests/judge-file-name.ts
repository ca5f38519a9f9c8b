// Whether a request may name this file of its instance's input folder: inside that folder, and no other account's upload.
// Called by payload.ts.
import { checkFileName, type NamedFile } from '@comfleet/comfyui';
import { isOthersFolder, isOthersUpload } from '../files/upload-folder.ts';

/** What is wrong with it, or undefined. */
export function judgeFileName(accountId: string, value: string): string | undefined {
  const problem = checkFileName(value);
  if (problem !== undefined) return problem.msg;
  return isOthersUpload(accountId, value) ? notOwn(value) : undefined;
}

export function judgeNamedFile(accountId: string, { value, isFolder }: NamedFile): string | undefined {
  if (isFolder && isOthersFolder(accountId, value)) return notOwn(value);
  return judgeFileName(accountId, value);
}

function notOwn(value: string): string {
  return `'${value.slice(0, 200)}' holds files of other accounts: upload a file of your own, or send an https:// URL or a data: URI.`;
}
