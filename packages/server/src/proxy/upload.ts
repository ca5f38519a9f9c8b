// POST /upload/image and /upload/mask: the multipart body is read and written again on the way, so that files go into a
// folder of the account's own and overwrite nobody else's. Streamed; only the fields are held. Called by routes.ts.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { ApiError } from '@comfleet/api';
import { isJsonObject, parseJson } from '@comfleet/comfyui';
import { Busboy } from '@fastify/busboy';
import { uploadFolder } from '../files/upload-folder.ts';
import { readViewName, uploadName } from './file-names.pure.ts';
import { createCounter } from './forward.ts';
import { isBelow, type Owners } from './owners.ts';

export interface Upload {
  readonly stream: Readable;
  readonly contentType: string;
}

interface Given {
  readonly request: IncomingMessage;
  readonly at: { readonly accountId: string; readonly instanceId: string };
  readonly maxBytes: number;
}

type Fields = Map<string, string>;

const LIMITS = { fieldSize: 64 * 1024, fields: 20, files: 1, parts: 25, headerPairs: 100, fieldNameSize: 100 };

/** The body as the instance gets it. What is wrong with the caller's ends the stream with an ApiError. */
export function rewriteUpload(owners: Owners, given: Given): Upload {
  const { request } = given;
  const boundary = `comfleet-${randomUUID()}`;
  const out = new PassThrough();
  const fields: Fields = new Map();
  const parser = openParser(request);
  let fileEnded: Promise<void> = Promise.resolve();

  const fail = (error: Error) => {
    request.unpipe();
    parser.destroy();
    out.destroy(error);
  };
  parser.on('field', (name, value, isNameCut, isValueCut) => {
    if (isNameCut || isValueCut) fail(refuse(`The field ${name.slice(0, 40)} is too long.`));
    else if (!fields.has(name)) fields.set(name, value);
  });
  parser.on('file', (...[name, stream, filename, , mimeType]) => {
    const stored = uploadName(filename ?? '');
    if (name !== 'image' || stored === undefined) {
      stream.resume();
      return fail(
        refuse(`The file must be in the field image and have a plain name, not ${String(filename).slice(0, 80)}.`),
      );
    }
    const type = /^[\w.+-]+\/[\w.+-]+$/.test(mimeType) ? mimeType : 'application/octet-stream';
    out.write(`--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="${stored}"\r\n`);
    out.write(`content-type: ${type}\r\n\r\n`);
    fileEnded = new Promise((resolve) => stream.once('end', resolve));
    stream.pipe(out, { end: false });
  });
  parser.once('filesLimit', () => fail(refuse('One file is taken at a time.')));
  parser.once('fieldsLimit', () => fail(refuse('There are too many fields.')));
  parser.once('partsLimit', () => fail(refuse('There are too many parts.')));
  parser.once('error', (error: Error) => fail(refuse(`The body is not valid multipart: ${error.message}.`)));
  parser.once('finish', () => {
    fileEnded
      .then(async () => {
        const rewritten = await rewriteFields(owners, given.at, fields);
        for (const [name, value] of rewritten) {
          out.write(`\r\n--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}`);
        }
        out.end(`\r\n--${boundary}--\r\n`);
      })
      .catch(fail);
  });
  const counter = createCounter(given.maxBytes);
  counter.once('error', fail);
  request.once('close', () => {
    if (!request.complete) fail(new Error('the body broke off'));
  });
  out.once('close', () => request.unpipe());
  request.pipe(counter).pipe(parser);
  return { stream: out, contentType: `multipart/form-data; boundary=${boundary}` };
}

function openParser(request: IncomingMessage): Busboy {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\b/i.test(type)) throw refuse('An upload is a multipart/form-data body.');
  try {
    return new Busboy({ headers: { ...request.headers, 'content-type': type }, limits: LIMITS });
  } catch (error) {
    throw refuse(`The body is not valid multipart: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

async function rewriteFields(owners: Owners, at: Given['at'], fields: Fields): Promise<Fields> {
  const type = fields.get('type') ?? 'input';
  if (type !== 'input') throw refuse(`Uploads go to the input folder; type ${type.slice(0, 40)} is not taken.`);
  const own = uploadFolder(at.accountId);
  const wanted = (fields.get('subfolder') ?? '').replace(/^\/+|\/+$/g, '');
  const subfolder = isBelow(wanted, own) || wanted === '' ? wanted || own : `${own}/${wanted}`;
  if (readViewName({ filename: 'x', subfolder, type }) === undefined) {
    throw refuse(`The subfolder ${wanted.slice(0, 80)} cannot be used.`);
  }
  const rewritten: Fields = new Map([
    ['type', type],
    ['subfolder', subfolder],
  ]);
  const overwrite = fields.get('overwrite');
  if (overwrite !== undefined) rewritten.set('overwrite', overwrite === 'true' || overwrite === '1' ? 'true' : 'false');
  const original = fields.get('original_ref');
  if (original !== undefined) rewritten.set('original_ref', await checkOriginal(owners, at, original));
  return rewritten;
}

async function checkOriginal(owners: Owners, at: Given['at'], text: string): Promise<string> {
  const name = readReference(text);
  if (name === undefined || !(await owners.ownsFile(at, name))) {
    throw refuse('original_ref names no file of this account on the instance.');
  }
  return JSON.stringify(name);
}

function readReference(text: string) {
  try {
    const value = parseJson(text);
    if (!isJsonObject(value) || typeof value['filename'] !== 'string') return undefined;
    const field = (name: string, otherwise: string) => (typeof value[name] === 'string' ? value[name] : otherwise);
    return readViewName({
      filename: value['filename'],
      subfolder: field('subfolder', ''),
      type: field('type', 'output'),
    });
  } catch {
    return undefined; // no JSON
  }
}

function refuse(msg: string): ApiError {
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type: 'invalid_upload' }] });
}
