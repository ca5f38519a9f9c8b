// The files that loading nodes name: which folder `name [output]` means, whether it is there, what it holds, and which
// files a folder offers. Called by load-image.ts.
import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PythonError } from '../python/errors.ts';
import type { NodeDirectories } from './node.ts';

const ANNOTATION = /^([\s\S]*?).?\[(input|output|temp)\]$/;
const IMAGE_EXTENSIONS =
  /\.(?:art|avif|bmp|cr2|crw|djvu?|erf|gif|heic|heif|ico|ief|jng|jpe?g|jpe|nef|orf|pbm|pct|pcx|pgm|pic|pict|png|pnm|ppm|ras|rgb|svgz?|tiff?|webp|xbm|xpm|xwd)$/i;

/** Undefined when the name leads out of its folder. ComfyUI would follow it; the emulator does not read foreign files. */
export function locateInputFile(name: string, dirs: NodeDirectories): string | undefined {
  const [, plain = name, annotation = 'input'] = ANNOTATION.exec(name) ?? [];
  const bases: Record<string, string> = { input: dirs.inputDir, output: dirs.outputDir, temp: dirs.tempDir };
  const baseDir = path.resolve(bases[annotation] ?? dirs.inputDir);
  const file = path.resolve(baseDir, plain);
  return file === baseDir || file.startsWith(baseDir + path.sep) ? file : undefined;
}

export async function inputFileExists(name: string, dirs: NodeDirectories): Promise<boolean> {
  const file = locateInputFile(name, dirs);
  if (file === undefined) return false;
  return access(file).then(
    () => true,
    // Missing and unreadable are the same to the caller: the file cannot be used.
    () => false,
  );
}

export async function readInputFile(name: string, dirs: NodeDirectories): Promise<Buffer> {
  const file = locateInputFile(name, dirs);
  if (file === undefined) throw new PythonError('FileNotFoundError', `[Errno 2] No such file or directory: '${name}'`);
  const read = await readFile(file).catch((cause: NodeJS.ErrnoException) => cause);
  if (Buffer.isBuffer(read)) return read;
  if (read.code === 'EISDIR') throw new PythonError('IsADirectoryError', `[Errno 21] Is a directory: '${file}'`);
  throw new PythonError('FileNotFoundError', `[Errno 2] No such file or directory: '${file}'`);
}

export async function hashInputFile(name: string, dirs: NodeDirectories): Promise<string> {
  return createHash('sha256')
    .update(await readInputFile(name, dirs))
    .digest('hex');
}

/** The file names a folder offers, sorted by code point as Python sorts. */
export async function listInputFiles(dirs: NodeDirectories, only: 'images' | 'all'): Promise<string[]> {
  const entries = await readdir(dirs.inputDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink()).map((entry) => entry.name);
  return names.filter((name) => only === 'all' || IMAGE_EXTENSIONS.test(name)).sort(byCodePoint);
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
