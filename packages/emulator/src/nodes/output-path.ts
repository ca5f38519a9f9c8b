// Where a saving node writes: expands the prefix's tokens, keeps the file inside the given folder and finds the next
// free number. Called by save-image.ts.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { PythonError } from '../python/errors.ts';

export interface OutputPath {
  folder: string;
  subfolder: string;
  /** The last part of the prefix; files are `<filename>_<counter>_.png`. */
  filename: string;
  counter: number;
}

export interface OutputRequest {
  prefix: string;
  baseDir: string;
  width: number;
  height: number;
  now: Date;
}

export async function findOutputPath(request: OutputRequest): Promise<OutputPath> {
  const prefix = expandTokens(request);
  const plain = path.posix.normalize(prefix).replace(/(?<=.)\/+$/, '');
  const subfolder = plain.includes('/') ? path.posix.dirname(plain) : '';
  const filename = path.posix.basename(plain);
  const baseDir = path.resolve(request.baseDir);
  const folder = path.resolve(baseDir, subfolder);
  if (folder !== baseDir && !folder.startsWith(baseDir + path.sep)) throw leavesFolder(folder, baseDir);
  // The length of the name as typed, not as normalised: with a trailing slash ComfyUI finds no number to continue from.
  const typedName = prefix.slice(prefix.lastIndexOf('/') + 1);
  const counter = await nextCounter(folder, { filename, typedLength: typedName.length });
  return { folder, subfolder, filename, counter };
}

function leavesFolder(folder: string, baseDir: string): PythonError {
  const places = `\n full_output_folder: ${folder}\n         output_dir: ${baseDir}`;
  return new PythonError('Exception', `**** ERROR: Saving image outside the output folder is not allowed.${places}`);
}

function expandTokens({ prefix, width, height, now }: OutputRequest): string {
  if (!prefix.includes('%')) return prefix;
  const two = (value: number): string => String(value).padStart(2, '0');
  const tokens: [string, string][] = [
    ['%width%', String(width)],
    ['%height%', String(height)],
    ['%year%', String(now.getFullYear())],
    ['%month%', two(now.getMonth() + 1)],
    ['%day%', two(now.getDate())],
    ['%hour%', two(now.getHours())],
    ['%minute%', two(now.getMinutes())],
    ['%second%', two(now.getSeconds())],
  ];
  return tokens.reduce((text, [token, value]) => text.replaceAll(token, value), prefix);
}

async function nextCounter(folder: string, name: { filename: string; typedLength: number }): Promise<number> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
    await mkdir(folder, { recursive: true });
    return 1;
  }
  let highest = 0;
  for (const file of files) {
    if (file.slice(0, name.typedLength + 1) !== `${name.filename}_`) continue;
    highest = Math.max(highest, leadingNumber(file.slice(name.typedLength + 1)));
  }
  return highest + 1;
}

function leadingNumber(rest: string): number {
  const digits = rest.split('_')[0] ?? '';
  return /^\s*[+-]?\d+\s*$/.test(digits) ? Number(digits) : 0;
}
