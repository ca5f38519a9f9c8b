// Decides a download's status, headers and byte range from the request's headers (RFC 9110); serve.ts carries it out.
// Everything stored came from a graph that a stranger may have written, so each answer is harmless in a browser.

export interface Downloadable {
  sizeBytes: number;
  sha256: string;
  contentType: string;
  filename: string;
  modifiedAtMs: number;
}

export interface DownloadAsk {
  method: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface DownloadPlan {
  status: 200 | 206 | 304 | 416;
  headers: Record<string, string>;
  range: { start: number; end: number } | undefined; // inclusive; set on 206
  hasBody: boolean;
}

// Shown in the page; everything else is saved. SVG and HTML run scripts and are not here.
const INLINE = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'audio/mpeg',
  'audio/wav',
  'audio/flac',
  'audio/ogg',
]);

type RangeVerdict = { kind: 'whole' } | { kind: 'part'; start: number; end: number } | { kind: 'unsatisfiable' };

// A list of ranges, or anything malformed, is answered with the whole file, as the RFC allows.
function judgeRange(text: string, sizeBytes: number): RangeVerdict {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(text);
  if (!match) return { kind: 'whole' };
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return { kind: 'whole' };
  if (first === '') {
    const count = Number(last);
    if (count === 0 || sizeBytes === 0) return { kind: 'unsatisfiable' };
    return { kind: 'part', start: Math.max(0, sizeBytes - count), end: sizeBytes - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  if (start >= sizeBytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}

// RFC 6266: an ASCII fallback for old clients, RFC 5987 for the true name.
export function contentDisposition(kind: 'inline' | 'attachment', filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%/]/g, '_');
  if (ascii === filename) return `${kind}; filename="${ascii}"`;
  const whole = filename.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
  const encoded = encodeURIComponent(whole).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

function header(ask: DownloadAsk, name: string): string | undefined {
  const value = ask.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

// Weak comparison: a cache in between may have weakened the tag.
function matchesTag(list: string, etag: string): boolean {
  return list.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

function isUnchangedSince(text: string, modifiedAtMs: number): boolean {
  const since = Date.parse(text);
  return !Number.isNaN(since) && Math.floor(modifiedAtMs / 1_000) * 1_000 <= since;
}

function isNotModified(ask: DownloadAsk, file: Downloadable, etag: string): boolean {
  const noneMatch = header(ask, 'if-none-match');
  if (noneMatch !== undefined) return matchesTag(noneMatch, etag);
  const since = header(ask, 'if-modified-since');
  return since !== undefined && isUnchangedSince(since, file.modifiedAtMs);
}

// If-Range: the part only if it is a part of the same bytes; strong comparison, so a weak tag never passes.
function wantsPart(ask: DownloadAsk, file: Downloadable, etag: string): boolean {
  const condition = header(ask, 'if-range')?.trim();
  if (condition === undefined) return true;
  if (condition.startsWith('"') || condition.startsWith('W/')) return condition === etag;
  return Date.parse(condition) === Math.floor(file.modifiedAtMs / 1_000) * 1_000;
}

export function dispositionOf({ contentType, filename }: Downloadable): string {
  const mime = contentType.replace(/;.*$/s, '').trim().toLowerCase();
  return contentDisposition(INLINE.has(mime) ? 'inline' : 'attachment', filename);
}

function commonHeaders(file: Downloadable, etag: string): Record<string, string> {
  return {
    'content-type': file.contentType,
    'content-disposition': dispositionOf(file),
    etag,
    'last-modified': new Date(file.modifiedAtMs).toUTCString(),
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'cross-origin',
  };
}

export function planDownload(file: Downloadable, ask: DownloadAsk): DownloadPlan {
  const etag = `"${file.sha256}"`;
  const headers = commonHeaders(file, etag);
  if (isNotModified(ask, file, etag)) return { status: 304, headers, range: undefined, hasBody: false };
  const isHead = ask.method.toUpperCase() === 'HEAD';
  const rangeText = isHead ? undefined : header(ask, 'range'); // Range means something for GET alone
  const verdict: RangeVerdict =
    rangeText !== undefined && wantsPart(ask, file, etag) ? judgeRange(rangeText, file.sizeBytes) : { kind: 'whole' };
  if (verdict.kind === 'unsatisfiable') {
    const refused = { ...headers, 'content-range': `bytes */${file.sizeBytes}`, 'content-length': '0' };
    return { status: 416, headers: refused, range: undefined, hasBody: false };
  }
  if (verdict.kind === 'whole') {
    const whole = { ...headers, 'content-length': String(file.sizeBytes) };
    return { status: 200, headers: whole, range: undefined, hasBody: !isHead };
  }
  const { start, end } = verdict;
  const part = {
    ...headers,
    'content-range': `bytes ${start}-${end}/${file.sizeBytes}`,
    'content-length': String(end - start + 1),
  };
  return { status: 206, headers: part, range: { start, end }, hasBody: true };
}
