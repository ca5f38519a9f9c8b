// One POST to a URL that a caller gave: judged, resolved and pinned like every other call, no redirect followed. What
// counts is the status; of the reply only its beginning is kept. Called by safe-fetch.ts.
import type { Dispatcher } from 'undici';
import { FetchFailure, toFetchFailure } from './fetch-failure.ts';
import type { KeptConnections } from './kept-connections.ts';
import { type Lookup, resolveTarget } from './resolve-target.ts';
import { judgeTarget } from './target.ts';

export interface Post {
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PostReply {
  readonly status: number;
  /** The beginning of the reply's body. */
  readonly text: string;
}

export interface PostDeps {
  readonly lookup: Lookup;
  readonly allowed: ReadonlySet<string>;
  readonly connections: KeptConnections;
}

const KEPT_BYTES = 1_024;
/** A status is an answer; the rest of the reply gets this long, then it is cut off. */
const REST_MS = 1_000;

export async function post(deps: PostDeps, text: string, given: Post): Promise<PostReply> {
  const verdict = judgeTarget(text, deps.allowed);
  if (verdict.kind === 'refused') throw new FetchFailure(verdict.message, { reason: 'not_allowed' });
  const { target } = verdict;
  const { signal } = given;
  const addresses = await resolveTarget(deps.lookup, target, signal);
  const { url } = target;
  let reply: Dispatcher.ResponseData;
  try {
    reply = await deps.connections.poolFor(target, addresses).request({
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers: given.headers,
      body: given.body,
      signal,
    });
  } catch (error) {
    throw signal.aborted ? signal.reason : toFetchFailure(error, url);
  }
  return { status: reply.statusCode, text: await readBeginning(reply.body, given.maxBytes) };
}

async function readBeginning(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const kept: Buffer[] = [];
  let seenBytes = 0;
  body.on('error', () => {}); // it may fail after nobody reads it any more
  const timer = setTimeout(() => body.destroy(), REST_MS);
  try {
    for await (const chunk of body) {
      if (seenBytes < KEPT_BYTES) kept.push(chunk as Buffer);
      seenBytes += (chunk as Buffer).length;
      if (seenBytes > maxBytes) break; // leaving the loop ends the connection
    }
  } catch {
    // A reply that breaks off is as good as its beginning.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(kept).subarray(0, KEPT_BYTES).toString();
}
