// POST /upload/mask: puts the upload's alpha channel onto an earlier picture, named by original_ref. Called by
// upload-routes.ts.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Directories } from '../directories.ts';
import { serverError } from './exchange.ts';
import type { FormPart } from './multipart.ts';

/** Undefined when the original is not there or not allowed. */
export async function applyMask(form: ReadonlyMap<string, FormPart>, dirs: Directories): Promise<Buffer | undefined> {
  const original = locateOriginal(form.get('original_ref')?.bytes.toString(), dirs);
  const bytes = original === undefined ? undefined : await readFile(original).catch(() => undefined); // answered with 400
  const mask = form.get('image')?.bytes;
  if (!bytes || !mask) return undefined;
  const { default: sharp } = await import('sharp');
  const { width, height } = await sharp(bytes).metadata();
  const alpha = await sharp(mask)
    .ensureAlpha()
    .extractChannel('alpha')
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  return await sharp(bytes)
    .removeAlpha()
    .joinChannel(alpha, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer();
}

function locateOriginal(reference: string | undefined, dirs: Directories): string | undefined {
  if (reference === undefined) throw serverError();
  let parsed: { filename?: unknown; subfolder?: unknown; type?: unknown };
  try {
    parsed = JSON.parse(reference);
  } catch (cause) {
    throw serverError(cause); // json.loads is not guarded in ComfyUI either
  }
  const { filename, subfolder = '', type = 'output' } = parsed;
  if (typeof filename !== 'string' || filename === '' || filename.startsWith('/') || filename.includes('..')) {
    return undefined;
  }
  const base = dirs.byType(String(type));
  if (base === undefined) return undefined;
  const file = path.resolve(base, String(subfolder), path.basename(filename));
  return file.startsWith(base + path.sep) ? file : undefined;
}
