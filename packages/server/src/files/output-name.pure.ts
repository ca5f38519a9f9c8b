// Judges the file names a back end reports, hides the per-request folder from the caller, and maps names to download
// paths and back. A back end runs strangers' code, so its names are hostile until judged. Called where outputs are
// collected and by the download route.

export type OutputType = 'output' | 'temp' | 'input';

export interface OutputName {
  filename: string;
  subfolder: string; // '' or a/b, no slash at either end
  type: OutputType;
}

export type NameVerdict = { kind: 'ok'; name: OutputName } | { kind: 'refused'; reason: string };

const MAX_SEGMENT_BYTES = 255; // what file systems hold
const MAX_SUBFOLDER_CHARACTERS = 1_024;
const MAX_DEPTH = 16;

// Bytes in UTF-8, without TextEncoder: pure files compile without the platform's types.
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

function badSegment(segment: string): string | undefined {
  if (segment === '') return 'an empty name';
  if (segment === '.' || segment === '..') return 'a relative name';
  if (/[/\\]/.test(segment)) return 'a slash or backslash in a name';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  if (/[\u0000-\u001f\u007f-\u009f]/.test(segment)) return 'a control character in a name';
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(segment)) return 'half a character';
  return utf8Bytes(segment) > MAX_SEGMENT_BYTES ? 'a name that is too long' : undefined;
}

function isOutputType(value: unknown): value is OutputType {
  return value === 'output' || value === 'temp' || value === 'input';
}

function refuse(reason: string): NameVerdict {
  return { kind: 'refused', reason };
}

// Takes ComfyUI's own defaults: no subfolder means the root, no type means output.
export function judgeOutputName(given: { filename: unknown; subfolder?: unknown; type?: unknown }): NameVerdict {
  const { filename, subfolder = '', type = 'output' } = given;
  if (typeof filename !== 'string') return refuse('a file name that is not text');
  if (typeof subfolder !== 'string') return refuse('a subfolder that is not text');
  if (!isOutputType(type)) return refuse('an unknown type of file');
  const badName = badSegment(filename);
  if (badName !== undefined) return refuse(badName);
  if (subfolder === '') return { kind: 'ok', name: { filename, subfolder, type } };
  if (subfolder.length > MAX_SUBFOLDER_CHARACTERS) return refuse('a subfolder that is too long');
  const segments = subfolder.split('/');
  if (segments.length > MAX_DEPTH) return refuse('a subfolder that is too deep');
  for (const segment of segments) {
    const bad = badSegment(segment);
    if (bad !== undefined) return refuse(bad);
  }
  return { kind: 'ok', name: { filename, subfolder, type } };
}

// `<prefix>/cats` → `cats`; undefined when the file is not below the request's own folder (an older run's, say).
export function withoutPrefix(subfolder: string, prefix: string): string | undefined {
  if (subfolder === prefix) return '';
  return subfolder.startsWith(`${prefix}/`) ? subfolder.slice(prefix.length + 1) : undefined;
}

export function outputPath(requestId: string, name: OutputName): string {
  const folders = name.subfolder === '' ? [] : name.subfolder.split('/');
  const encoded = [requestId, name.type, ...folders, name.filename].map(encodeURIComponent);
  return `/deployment_requests/${encoded.join('/')}`;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined; // malformed escapes: not a path of ours
  }
}

// The reverse, from the URL's path as it came (still percent-encoded). undefined: no file has this path.
export function parseOutputPath(path: string): { requestId: string; name: OutputName } | undefined {
  const segments = path.split('/').map(decodeSegment);
  const [empty, root, requestId, type, ...rest] = segments;
  const filename = rest.pop();
  if (empty !== '' || root !== 'deployment_requests' || !requestId || rest.includes(undefined)) return undefined;
  if (badSegment(requestId) !== undefined || rest.some((segment) => segment === '' || segment?.includes('/')))
    return undefined;
  const verdict = judgeOutputName({ filename, subfolder: rest.join('/'), type });
  return verdict.kind === 'ok' ? { requestId, name: verdict.name } : undefined;
}
