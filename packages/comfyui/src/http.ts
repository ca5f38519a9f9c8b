// One HTTP request to a ComfyUI: keep-alive pools, caps, time-outs, no redirects; errors become ComfyError.
// Everything in the client that speaks HTTP goes through `send` (whole answers) or `open` (streams).
import { type Dispatcher, Pool } from 'undici';
import { ComfyError, toComfyError } from './comfy-error.ts';
import { type HttpReply, receive } from './receive.ts';

export interface Timeouts {
  connectMs: number;
  /** From the request to the first byte of the answer. */
  headersMs: number;
  /** Between two pieces of an answer. */
  idleMs: number;
  /** Waiting for a free connection included: the bound of a whole call except view and upload. */
  totalMs: number;
}

const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 5_000, headersMs: 30_000, idleMs: 30_000, totalMs: 60_000 };

export interface HttpRequest {
  method: 'GET' | 'POST';
  path: string;
  body?: string | Buffer | AsyncIterable<Uint8Array>;
  contentType?: string;
  /** Needed with a streamed body only. */
  bodyBytes?: number;
  /** The answer's cap; 4 MiB unless said. */
  maxBytes?: number;
  totalMs?: number;
  headers?: Record<string, string>;
  /** The answer holds tenants' graphs or keys: none of it may get into an error. */
  isPrivate?: boolean;
  signal?: AbortSignal;
  /** Asked when it is about to be written; false: nothing is written. Calls of `send` only. */
  mayBegin?: () => boolean;
}

export type StreamedReply = Dispatcher.ResponseData;

export interface Http {
  send(request: HttpRequest): Promise<HttpReply>;
  open(request: HttpRequest): Promise<StreamedReply>;
  close(): Promise<void>;
}

export interface HttpOptions {
  baseUrl: string;
  timeouts?: Partial<Timeouts>;
  headers?: Record<string, string>;
  /** For tests and shared pools: used as it is and not closed. */
  dispatcher?: Dispatcher;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** @throws ComfyError `argument` when the address is not a plain http or https one. */
export function parseBaseUrl(baseUrl: string): URL {
  if (!URL.canParse(baseUrl)) throw new ComfyError('argument', 'the address of an instance is not a URL');
  const url = new URL(baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ComfyError('argument', `the address of an instance must be http or https, not ${url.protocol}`);
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new ComfyError('argument', 'the address of an instance has no credentials, query or fragment');
  }
  return url;
}

/**
 * Short calls, prompts and long transfers have a pool each: twelve downloads never delay the next POST, and prompts whose
 * answers are late never keep anybody from asking what became of them.
 */
export function createHttp(options: HttpOptions): Http {
  const url = parseBaseUrl(options.baseUrl);
  const basePath = url.pathname.replace(/\/+$/, '');
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const makePool = (connections: number): Pool =>
    new Pool(url.origin, {
      connections,
      // aiohttp keeps idle connections for at least 75 s; closing first avoids a POST into a closing socket.
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 60_000,
      connect: { timeout: timeouts.connectMs },
    });
  const shared = options.dispatcher;
  const calls = shared ?? makePool(6);
  const prompts = shared ?? makePool(6);
  const transfers = shared ?? makePool(12);

  const toDispatch = (request: HttpRequest): Dispatcher.DispatchOptions => ({
    origin: url.origin,
    path: basePath + request.path,
    method: request.method,
    headers: {
      ...options.headers,
      ...request.headers,
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      ...(request.bodyBytes === undefined ? {} : { 'content-length': String(request.bodyBytes) }),
    },
    // undici takes any async iterable of bytes; its types name only Readable.
    body: (request.body ?? null) as string | Buffer | null,
    headersTimeout: request.totalMs ?? timeouts.headersMs,
    bodyTimeout: timeouts.idleMs,
  });

  return {
    send(request) {
      const isTransfer =
        request.body !== undefined && typeof request.body === 'object' && !Buffer.isBuffer(request.body);
      const pool = isTransfer ? transfers : request.path === '/prompt' && request.method === 'POST' ? prompts : calls;
      return receive(pool, toDispatch(request), {
        what: `${request.method} ${request.path}`,
        maxBytes: request.maxBytes ?? MAX_ANSWER_BYTES,
        totalMs: request.totalMs ?? timeouts.totalMs,
        signal: request.signal,
        mayBegin: request.mayBegin,
      });
    },
    async open(request) {
      try {
        return await transfers.request({
          ...toDispatch(request),
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        } as Dispatcher.RequestOptions);
      } catch (error) {
        throw toComfyError(error, `${request.method} ${request.path.split('?')[0]}`);
      }
    },
    async close() {
      if (shared) return;
      await Promise.all([calls.destroy(), prompts.destroy(), transfers.destroy()]);
    },
  };
}
