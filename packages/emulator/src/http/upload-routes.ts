// POST /upload/image and /upload/mask (server.py:image_upload): stores a file under its name, or under a free one when
// another file has it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Directories } from '../directories.ts';
import { applyMask } from './apply-mask.ts';
import { type Exchange, readBody, sendEmpty, sendJson, serverError } from './exchange.ts';
import { type FormPart, readForm } from './multipart.ts';
import type { Route } from './router.ts';

type Form = ReadonlyMap<string, FormPart>;

export function uploadRoutes({ dirs }: { dirs: Directories }): Route[] {
  const asIs = (form: Form) => Promise.resolve(form.get('image')?.bytes ?? Buffer.alloc(0));
  return [
    { method: 'POST', path: '/upload/image', handler: (exchange) => upload(exchange, dirs, asIs) },
    {
      method: 'POST',
      path: '/upload/mask',
      handler: (exchange) => upload(exchange, dirs, (form) => applyMask(form, dirs)),
    },
  ];
}

async function upload(
  { request, response }: Exchange,
  dirs: Directories,
  contentOf: (form: Form) => Promise<Buffer | undefined>,
): Promise<void> {
  const form = readForm(await readBody(request), request.headers['content-type']) ?? new Map<string, FormPart>();
  const target = locate(dirs, form);
  if (target === undefined) {
    sendEmpty(response, 400);
    return;
  }
  const overwrite = text(form, 'overwrite');
  const isOverwriting = overwrite === 'true' || overwrite === '1';
  const sent = form.get('image')?.bytes ?? Buffer.alloc(0);
  // A folder inside the file's own name is not made: writing then fails, with 500.
  await mkdir(target.folder, { recursive: true });
  const place = isOverwriting ? { ...target, isDuplicate: false } : await freePlace(target, sent);
  if (!place.isDuplicate) {
    const content = await contentOf(form);
    if (content === undefined) {
      sendEmpty(response, 400);
      return;
    }
    await writeFile(place.file, content);
  }
  sendJson(response, { name: place.name, subfolder: target.subfolder, type: target.type });
}

const text = (form: Form, name: string) => form.get(name)?.bytes.toString();

interface Target {
  folder: string;
  file: string;
  name: string;
  subfolder: string;
  type: string;
}

function locate(dirs: Directories, form: Form): Target | undefined {
  const type = text(form, 'type') ?? 'input';
  const base = dirs.byType(type);
  // An unknown type leaves a variable unset in ComfyUI; a text field in the file's place has no file attribute.
  const image = form.get('image');
  if (base === undefined || (image && image.filename === undefined)) throw serverError();
  if (!image?.filename) return undefined;
  const subfolder = text(form, 'subfolder') ?? '';
  const folder = path.resolve(base, path.normalize(subfolder));
  const file = path.resolve(folder, image.filename);
  if (!file.startsWith(base + path.sep)) return undefined;
  return { folder, file, name: image.filename, subfolder, type };
}

async function freePlace(target: Target, sent: Buffer): Promise<{ file: string; name: string; isDuplicate: boolean }> {
  const extension = path.extname(target.name);
  const stem = target.name.slice(0, target.name.length - extension.length);
  let { file, name } = target;
  for (let number = 1; ; number += 1) {
    const existing = await readFile(file).catch(() => undefined); // not there: the name is free
    if (existing === undefined) return { file, name, isDuplicate: false };
    if (existing.equals(sent)) return { file, name, isDuplicate: true };
    name = `${stem} (${number})${extension}`;
    file = path.resolve(target.folder, name);
  }
}
