// Which headers pass, each way. Towards the instance only what describes the call and its body: no credentials, cookies,
// origin, or anything about the way here. Pure; called by forward.ts.

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const TO_INSTANCE = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
];

export function toInstanceHeaders(given: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of TO_INSTANCE) {
    const value = given[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/** About one connection, or about the origin as a whole: the service's own affair. */
const NOT_TO_CALLER = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'set-cookie2',
  'alt-svc',
  'clear-site-data',
  'strict-transport-security',
  'x-request-id',
]);

export function toCallerHeaders(given: Headers): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const listed = String(given['connection'] ?? '').toLowerCase();
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (value === undefined || NOT_TO_CALLER.has(name) || name.startsWith('access-control-')) continue;
    // An absolute address would be the instance's own, which is nobody's to know.
    if (name === 'location' && /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(String(value))) continue;
    if (listed !== '' && listed.split(/\s*,\s*/).includes(name)) continue;
    headers[name] = value;
  }
  return headers;
}

const HARMLESS_IN_CONNECTION = new Set(['keep-alive', 'close', 'te', 'upgrade', 'http2-settings']);

/** Why a call's framing must not be passed on, or undefined. Node's parser has refused what is plainly broken. */
export function judgeFraming(headers: Headers): string | undefined {
  const { connection, upgrade } = headers;
  const odd = String(connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .find((name) => name !== '' && !HARMLESS_IN_CONNECTION.has(name));
  if (odd !== undefined) return `the Connection header names ${odd.slice(0, 40)}`;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && String(coding).toLowerCase() !== 'chunked') return 'its Transfer-Encoding is not chunked';
  // Clients offer h2c on any call and go on without it; other protocols do not.
  const isRefused = upgrade !== undefined && !['h2c', 'websocket'].includes(String(upgrade).toLowerCase());
  return isRefused ? 'it asks for an Upgrade other than a websocket' : undefined;
}
