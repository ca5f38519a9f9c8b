// GET /view (server.py:view_image): a file of the output, input or temp folder, whole, as a preview, or one channel.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Directories } from '../directories.ts';
import type { FaultControl } from '../faults/fault-control.ts';
import { type Conversion, convertImage } from './convert-image.ts';
import { type Exchange, sendEmpty } from './exchange.ts';
import { contentTypeOf } from './media-types.ts';
import type { Route } from './router.ts';
import { sendFile } from './send-file.ts';

interface ViewDeps {
  dirs: Directories;
  faults: FaultControl;
  /** Every output that is not on disk is this constant picture, or as many bytes as the outputBytes fault says. */
  pretended?(): Buffer;
}

export function viewRoutes(deps: ViewDeps): Route[] {
  return [{ method: 'GET', path: '/view', handler: (exchange) => view(deps, exchange) }];
}

async function view({ dirs, faults, pretended }: ViewDeps, exchange: Exchange): Promise<void> {
  const { query, response } = exchange;
  const fault = faults.take('view');
  if (fault?.status !== undefined) {
    sendEmpty(response, fault.status);
    return;
  }
  const place = locate(dirs, query);
  if ('status' in place) {
    sendEmpty(response, place.status);
    return;
  }
  const stats = await stat(place.file).catch(() => undefined); // a missing file is answered below
  if (!stats?.isFile()) {
    if (pretended) sendBuffer(exchange, pretended());
    else sendEmpty(response, 404);
    return;
  }
  const headers = { 'Content-Disposition': `filename="${headerText(place.name)}"` };
  const conversion = wantedConversion(query);
  if (conversion) await sendConverted(exchange, { file: place.file, conversion, headers });
  else
    await sendFile(exchange, {
      ...place,
      stats,
      fault,
      headers: { ...headers, 'Content-Type': contentTypeOf(place.name) },
    });
}

type Place = { file: string; name: string } | { status: number };

const ANNOTATION = /^(.*).\[(output|input|temp)\]$/s;

function locate(dirs: Directories, query: URLSearchParams): Place {
  const given = query.get('filename');
  if (given === null) return { status: 404 };
  const annotated = ANNOTATION.exec(given);
  const filename = annotated?.[1] ?? given;
  if (filename === '' || filename.startsWith('/') || filename.includes('..')) return { status: 400 };
  const base = dirs.byType(annotated?.[2] ?? query.get('type') ?? 'output');
  if (base === undefined) return { status: 400 };
  const folder = path.resolve(base, query.get('subfolder') ?? '');
  if (folder !== base && !folder.startsWith(base + path.sep)) return { status: 403 };
  const name = path.basename(filename);
  return { file: path.join(folder, name), name };
}

function wantedConversion(query: URLSearchParams): Conversion | undefined {
  const preview = query.get('preview');
  const channel = query.get('channel') ?? '';
  if (preview !== null) return { kind: 'preview', preview, channel };
  if (channel === 'rgb') return { kind: 'rgb' };
  return channel === 'a' ? { kind: 'alpha' } : undefined;
}

interface Converted {
  file: string;
  conversion: Conversion;
  headers: Record<string, string>;
}

async function sendConverted({ response }: Exchange, { file, conversion, headers }: Converted): Promise<void> {
  const { bytes, contentType } = await convertImage(file, conversion);
  response.writeHead(200, { ...headers, 'Content-Type': contentType, 'Content-Length': bytes.length });
  response.end(bytes);
}

function sendBuffer({ response }: Exchange, bytes: Buffer): void {
  response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': bytes.length });
  response.end(bytes);
}

/** Header values are latin-1; aiohttp sends UTF-8 bytes, which read the same after this. */
const headerText = (text: string) => Buffer.from(text).toString('latin1');
