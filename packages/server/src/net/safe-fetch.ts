// The one door for outbound calls to URLs that callers give: media inputs and webhooks. Each hop is judged, resolved
// once, checked, and dialled at exactly the checked address; time, bytes and redirects are capped. target.ts says
// which URLs, address-rules.pure.ts which addresses.
import { lookup as dnsLookup } from 'node:dns/promises';
import type { Readable } from 'node:stream';
import { buildConnector } from 'undici';
import { cappedBody } from './capped-body.ts';
import { type Ask, type Connector, type Exchange, exchange } from './exchange.ts';
import { FetchFailure, type FetchReason, toFetchFailure } from './fetch-failure.ts';
import { createKeptConnections } from './kept-connections.ts';
import { type PostReply, post } from './post.ts';
import { type Lookup, resolveTarget } from './resolve-target.ts';
import { allowedHosts, describeUrl, judgeTarget, type Target } from './target.ts';

export interface SafeFetchLimits {
  maxRedirects: number;
  connectTimeoutMs: number;
  idleTimeoutMs: number;
}

export interface SafeFetchDeps {
  allowPrivateHosts: readonly string[];
  userAgent: string;
  limits?: Partial<SafeFetchLimits>;
  lookup?: Lookup;
  connect?: Connector;
}

export interface FetchOptions {
  maxBytes: number;
  timeoutMs: number; // for everything, the last byte of the body included
  signal?: AbortSignal;
}

export interface PostOptions extends FetchOptions {
  headers: Record<string, string>;
  body: string | Buffer;
}

/** Whatever the status. */
export type PostResult = ({ kind: 'ok' } & PostReply) | FetchRefused;

export interface FetchOk {
  kind: 'ok';
  status: number;
  stream: Readable; // fails with FetchFailure; destroy it when it is not read to its end
  contentType: string | undefined;
  finalUrl: string; // without userinfo and query: fit to be shown
}

export interface FetchRefused {
  kind: 'refused';
  reason: FetchReason;
  message: string;
  isRetryable: boolean;
  status?: number;
}

export type FetchResult = FetchOk | FetchRefused;

export interface SafeFetch {
  get(url: string, options: FetchOptions): Promise<FetchResult>; // follows redirects; only a 2xx is ok
  post(url: string, options: PostOptions): Promise<PostResult>; // follows none; any status is ok
}

interface Call {
  deps: { lookup: Lookup; connect: Connector; allowed: ReadonlySet<string>; limits: SafeFetchLimits };
  ask: Ask;
  maxBytes: number;
  maxRedirects: number;
}

const DEFAULT_LIMITS: SafeFetchLimits = { maxRedirects: 3, connectTimeoutMs: 10_000, idleTimeoutMs: 30_000 };
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Hop {
  target: Target;
  done: Exchange;
}

async function hop(call: Call, text: string): Promise<Hop> {
  const verdict = judgeTarget(text, call.deps.allowed);
  if (verdict.kind === 'refused') throw new FetchFailure(verdict.message, { reason: 'not_allowed' });
  const { target } = verdict;
  const addresses = await resolveTarget(call.deps.lookup, target, call.ask.signal);
  const { connect, limits } = call.deps;
  try {
    const done = await exchange({ connect, idleTimeoutMs: limits.idleTimeoutMs }, { target, addresses }, call.ask);
    return { target, done };
  } catch (error) {
    throw call.ask.signal.aborted ? call.ask.signal.reason : toFetchFailure(error, target.url);
  }
}

function nextUrl(reply: Exchange['reply'], url: URL): string | undefined {
  const location = reply.headers.location;
  if (!REDIRECTS.has(reply.statusCode) || typeof location !== 'string') return undefined;
  // An absolute Location is judged as its server wrote it, a relative one after resolution.
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return location;
  return URL.canParse(location, url.href) ? new URL(location, url).href : location;
}

// Lets go of a reply whose body nobody will read: closing cuts it, which is no news.
function abandon({ done }: Hop): void {
  done.reply.body.on('error', () => {});
  done.close();
}

async function follow(call: Call, text: string): Promise<Hop> {
  let next = text;
  for (let redirects = 0; ; redirects++) {
    const { target, done } = await hop(call, next);
    const location = call.maxRedirects === 0 ? undefined : nextUrl(done.reply, target.url);
    if (location === undefined) return { target, done };
    abandon({ target, done });
    if (redirects === call.maxRedirects) {
      const message = `${describeUrl(target.url)} redirects more than ${call.maxRedirects} times`;
      throw new FetchFailure(message, { reason: 'too_many_redirects' });
    }
    next = location;
  }
}

function requireSuccess({ target, done }: Hop): void {
  const { statusCode } = done.reply;
  if (statusCode >= 200 && statusCode < 300) return;
  const isRetryable = statusCode >= 500 || statusCode === 429 || statusCode === 408;
  const message = `${describeUrl(target.url)} answered ${statusCode}`;
  throw new FetchFailure(message, { reason: 'status', isRetryable, status: statusCode });
}

function accept(call: Call, last: Hop): FetchOk {
  const { reply, close } = last.done;
  try {
    requireSuccess(last);
    const stream = cappedBody(reply, last.target.url, call.maxBytes);
    stream.once('close', close);
    stream.on('error', () => {}); // it may fail before it is read; the reader is told then, and a bystander never
    const contentType = reply.headers['content-type'];
    return {
      kind: 'ok',
      status: reply.statusCode,
      stream,
      contentType: typeof contentType === 'string' ? contentType : undefined,
      finalUrl: describeUrl(last.target.url),
    };
  } catch (error) {
    abandon(last);
    throw error;
  }
}

// One signal for the whole call: the caller's, or the time being up. Released when the body has been read.
function callSignal(options: FetchOptions): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const seconds = Math.round(options.timeoutMs / 100) / 10;
  const timer = setTimeout(() => {
    const message = `the call took longer than ${seconds} s`;
    controller.abort(new FetchFailure(message, { reason: 'too_slow', isRetryable: true }));
  }, options.timeoutMs);
  const onAbort = () =>
    controller.abort(new FetchFailure('the call was given up', { reason: 'aborted', isRetryable: true }));
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const release = () => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, release };
}

export function createSafeFetch(given: SafeFetchDeps): SafeFetch {
  const limits = { ...DEFAULT_LIMITS, ...given.limits };
  const deps: Call['deps'] = {
    lookup: given.lookup ?? ((hostname) => dnsLookup(hostname, { all: true, verbatim: false })),
    connect: given.connect ?? buildConnector({ timeout: limits.connectTimeoutMs }),
    allowed: allowedHosts(given.allowPrivateHosts),
    limits,
  };

  const postDeps = {
    ...deps,
    connections: createKeptConnections({ connect: deps.connect, idleTimeoutMs: limits.idleTimeoutMs }),
  };
  const common = { 'user-agent': given.userAgent, 'accept-encoding': 'identity' };

  return {
    async get(url, options) {
      const { signal, release } = callSignal(options);
      const ask = { headers: { ...common, accept: '*/*' }, signal };
      try {
        const call = { deps, ask, maxBytes: options.maxBytes, maxRedirects: limits.maxRedirects };
        const ok = accept(call, await follow(call, url));
        ok.stream.once('close', release);
        return ok;
      } catch (error) {
        release();
        return refusal(error);
      }
    },
    async post(url, options) {
      const { signal, release } = callSignal(options);
      const headers = { ...common, ...options.headers };
      try {
        return { kind: 'ok', ...(await post(postDeps, url, { ...options, headers, signal })) };
      } catch (error) {
        return refusal(error);
      } finally {
        release();
      }
    },
  };
}

function refusal(error: unknown): FetchRefused {
  if (!(error instanceof FetchFailure)) throw error;
  const { reason, message, isRetryable, status } = error;
  return { kind: 'refused', reason, message, isRetryable, ...(status === undefined ? {} : { status }) };
}
