// STORAGE_URL in its parts: file:<folder>, or s3://bucket/prefix?region=…&endpoint=…&path_style=…. Called by config.ts.
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface S3Settings {
  readonly kind: 's3';
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  /** Undefined: what the client finds in its own settings (AWS_REGION, a profile). */
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
}

export type StorageSettings = { readonly kind: 'disk'; readonly dir: string } | S3Settings;

const PARAMETERS = ['region', 'endpoint', 'path_style'];
const BUCKET = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i;
/** What needs no escapes in any server's URLs. */
const PREFIX = /^[\w.=+-]+(?:\/[\w.=+-]+)*$/;

/** The settings, or the problems with them; no problem repeats a key or password. */
export function readStorageUrl(text: string, cwd: string): StorageSettings | { readonly problems: string[] } {
  if (/^file:/i.test(text)) return readFolder(text, cwd);
  if (!/^s3:\/\//i.test(text) || !URL.canParse(text)) {
    return { problems: ['expected file:<folder> or s3://bucket/prefix?region=…&endpoint=…&path_style=…'] };
  }
  const url = new URL(text);
  const bucket = decodeURIComponent(url.hostname);
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  const pathStyle = url.searchParams.get('path_style');
  const endpoint = url.searchParams.get('endpoint') ?? undefined;
  const unknown = [...url.searchParams.keys()].filter((name) => !PARAMETERS.includes(name));
  const problems = [
    url.username !== '' && 'keys do not belong in the URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    !BUCKET.test(bucket) && `"${bucket}" is no name of a bucket`,
    prefix !== '' && !PREFIX.test(prefix) && `"${prefix}" is no prefix: use letters, digits, - _ . = + and /`,
    unknown.length > 0 && `${unknown.join(', ')}: unknown; it knows ${PARAMETERS.join(', ')}`,
    endpoint !== undefined && !isEndpoint(endpoint) && 'endpoint: expected a URL such as https://storage.example.org',
    pathStyle !== null && !['true', 'false'].includes(pathStyle) && 'path_style: expected true or false',
  ].filter((problem) => problem !== false);
  if (problems.length > 0) return { problems };
  return {
    kind: 's3',
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: url.searchParams.get('region') ?? (endpoint === undefined ? undefined : 'us-east-1'),
    endpoint,
    // Servers other than Amazon's seldom have a host name for each bucket.
    pathStyle: pathStyle === null ? endpoint !== undefined : pathStyle === 'true',
  };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && username === '';
}

function readFolder(text: string, cwd: string): StorageSettings | { problems: string[] } {
  try {
    const path = /^file:\/\//i.test(text) ? fileURLToPath(text) : decodeURIComponent(text.slice('file:'.length));
    if (path === '') return { problems: ['file: expected a folder behind it'] };
    return { kind: 'disk', dir: isAbsolute(path) ? path : resolve(cwd, path) };
  } catch {
    return { problems: ['expected file:<folder> or file:///<absolute folder>'] };
  }
}
