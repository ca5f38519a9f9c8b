// One call of the service's API as a client makes it: over any of the addresses it knows, with a time-out, and without an
// opinion about what comes back. Used by the callers and by whoever sets a stage.
import { Agent, fetch } from 'undici';

export interface Api {
  /** Several where replicas or faulty connections stand between; one is drawn for each call. */
  readonly baseUrls: readonly string[];
  readonly token: string;
}

export interface Target extends Api {
  readonly deploymentId: string;
  /** Whose token it is, for the judge. */
  readonly account: string;
}

export interface Answer {
  kind: 'answer';
  status: number;
  body: Record<string, unknown>;
  text: string;
  retryAfter: string | null;
}

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const ANSWERS_WITHIN_MS = 20_000;
const LATE_CALL = 408;

/** `none`: no answer came; what was sent may have arrived. */
export async function callApi(api: Api, path: string, init: Call = {}): Promise<Answer | { kind: 'none' }> {
  const headers = { ...init.headers, authorization: `Bearer ${api.token}`, 'content-type': 'application/json' };
  try {
    const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS);
    const reply = await fetch(`${anyOf(api.baseUrls)}/prod/v1${path}`, { ...init, headers, signal, dispatcher });
    const text = await reply.text();
    // The call itself was held up on its way: nobody took it.
    if (reply.status === LATE_CALL) return { kind: 'none' };
    const body = JSON.parse(text) as Record<string, unknown>;
    return { kind: 'answer', status: reply.status, text, body, retryAfter: reply.headers.get('retry-after') };
  } catch {
    return { kind: 'none' };
  }
}

/** For what has to work: throws with the answer when it is no 2xx. */
export async function demand(api: Api, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const call = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await callApi(api, path, call);
  if (answer.kind === 'none' || answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer.body;
}

let dispatcher = new Agent();

/** Closes the connections that are kept for a next call. */
export async function hangUp(): Promise<void> {
  const old = dispatcher;
  dispatcher = new Agent();
  await old.close();
}

/** A file by its URL, which any caller may fetch. */
export async function fetchFile(url: string): Promise<{ status: number; bytes: Buffer }> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS), dispatcher });
  return { status: reply.status, bytes: Buffer.from(await reply.arrayBuffer()) };
}

let drawn = 0;
function anyOf(urls: readonly string[]): string {
  drawn += 1;
  return urls[drawn % urls.length] ?? '';
}
