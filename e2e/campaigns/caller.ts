// The callers: each submits a picture, polls it to its end, looks at the file, and begins again; and writes down all that
// it learned. Faults show as connections that break and as 503s; whatever else is odd is written down as broken.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Submission } from './history.pure.ts';
import { pngColour } from './png-colour.ts';

const POLL_MS = 250;
const RETRY_MS = 100;
/** One caller in ten thinks better of it at once, mostly while its request waits. */
const CANCELS_EVERY = 10;
const ENDED_WORDS = new Set(['completed', 'canceled', 'cancelled']);

export interface Target {
  readonly baseUrl: string;
  readonly token: string;
  readonly deploymentId: string;
}

export interface Callers {
  readonly submissions: readonly Submission[];
  /** No new pictures; resolves when every caller saw the end of its last one, or false after the time. */
  finish(withinMs: number): Promise<boolean>;
}

interface CallersOptions {
  readonly target: Target;
  readonly count: number;
  /** A colour that nobody else gets. */
  readonly nextColour: () => number;
}

export function startCallers({ target, count, nextColour }: CallersOptions): Callers {
  const submissions: Submission[] = [];
  const stopping = { isStopping: false, isOver: false };

  async function call(index: number): Promise<void> {
    while (!stopping.isStopping) {
      const colour = nextColour();
      // Every second caller sends a key and may therefore repeat what was not answered.
      const idempotencyKey = index % 2 === 0 ? `key-${colour}` : undefined;
      const submission: Submission = { colour, idempotencyKey, acknowledged: [], observations: [] };
      submissions.push(submission);
      await submit(target, submission, stopping);
      if (submission.acknowledged.length === 0) continue;
      if (index % CANCELS_EVERY === 1) await cancel(target, submission);
      await follow(target, submission, stopping);
    }
  }

  const calls = Promise.all(Array.from({ length: count }, (_, index) => call(index)));
  return {
    submissions,
    async finish(withinMs) {
      stopping.isStopping = true;
      const isDone = await Promise.race([calls.then(() => true), sleep(withinMs, false, { ref: false })]);
      stopping.isOver = true;
      await calls;
      return isDone;
    },
  };
}

interface Stopping {
  isStopping: boolean;
  isOver: boolean;
}

async function submit(target: Target, submission: Submission, stopping: Stopping): Promise<void> {
  const key = submission.idempotencyKey;
  for (;;) {
    const answer = await callApi(target, `/deployments/${target.deploymentId}/inference`, {
      method: 'POST',
      headers: key === undefined ? {} : { 'idempotency-key': key },
      body: JSON.stringify({ overrides: { '1': { inputs: { color: submission.colour } } } }),
    });
    if (answer.kind === 'answer' && answer.status === 200) {
      submission.acknowledged.push(String(answer.body['request_id']));
      return;
    }
    if (answer.kind === 'answer' && answer.status !== 503) {
      submission.observations.push({ kind: 'broken', at: Date.now(), what: `submit: ${answer.status} ${answer.text}` });
      return;
    }
    await sleep(RETRY_MS);
    if (key === undefined || stopping.isOver) return;
  }
}

async function cancel(target: Target, submission: Submission): Promise<void> {
  await sleep(submission.colour % 300);
  const answer = await callApi(target, `${requestPath(target, submission)}/cancel`, { method: 'POST' });
  const at = Date.now();
  const isAcknowledged = answer.kind === 'answer' && answer.body['status'] === 'cancellation_requested';
  submission.observations.push({ kind: 'cancel', at, isAcknowledged });
  if (answer.kind === 'none' || answer.status < 300 || answer.status === 503) return;
  const what = `cancel: ${answer.status} ${answer.text}`;
  submission.observations.push(answer.status === 404 ? { kind: 'absent', at } : { kind: 'broken', at, what });
}

async function follow(target: Target, submission: Submission, stopping: Stopping): Promise<void> {
  while (!stopping.isOver) {
    await sleep(POLL_MS);
    const seen = await observeStatus(target, submission);
    if (seen === 'ended' && (await observeResult(target, submission))) return;
    if (seen === 'gone') return;
  }
}

async function observeStatus(target: Target, submission: Submission): Promise<'ended' | 'gone' | 'goes on'> {
  const answer = await callApi(target, `${requestPath(target, submission)}/status`);
  const at = Date.now();
  if (answer.kind === 'none' || answer.status === 503) return 'goes on';
  if (answer.status === 404) {
    submission.observations.push({ kind: 'absent', at });
    return 'gone';
  }
  if (answer.status !== 200) {
    submission.observations.push({ kind: 'broken', at, what: `status: ${answer.status} ${answer.text}` });
    return 'goes on';
  }
  const word = String(answer.body['status']);
  if (ENDED_WORDS.has(word)) return 'ended';
  const last = submission.observations.at(-1);
  if (last?.kind !== 'live' || last.word !== word) submission.observations.push({ kind: 'live', at, word });
  return 'goes on';
}

/** True once an end was seen, with the file if there is one. */
export async function observeResult(target: Target, submission: Submission): Promise<boolean> {
  const answer = await callApi(target, `${requestPath(target, submission)}/result`);
  const at = Date.now();
  if (answer.kind === 'none' || answer.status === 503) return false;
  const found = readResult(answer, at);
  if (found.kind !== 'ended') {
    submission.observations.push(found);
    return found.kind === 'absent';
  }
  const url = fileUrl(answer.body);
  const file = url === undefined ? undefined : await observeFile(url);
  if (file === 'no answer') return false;
  submission.observations.push(found, ...(file === undefined ? [] : [file]));
  return true;
}

function readResult({ status, body, text }: Answer, at: number): Observation {
  if (status === 404) return { kind: 'absent', at };
  if (status !== 200) return { kind: 'broken', at, what: `result: ${status} ${text}` };
  const outcome = String(body['status']);
  if (outcome === 'in_queue' || outcome === 'in_progress') return { kind: 'live', at, word: outcome };
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const [error] = Array.isArray(body['error']) ? body['error'] : [];
  return { kind: 'ended', at, outcome, digest, errorCode: error?.errorCode };
}

function fileUrl(body: Record<string, unknown>): string | undefined {
  const outputs = body['outputs'] as Record<string, { images?: { url: string }[] }> | undefined;
  return Object.values(outputs ?? {}).flatMap((output) => output.images ?? [])[0]?.url;
}

async function observeFile(url: string): Promise<Extract<Observation, { kind: 'file' }> | 'no answer'> {
  try {
    const reply = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    const bytes = Buffer.from(await reply.arrayBuffer());
    if (reply.status === 503) return 'no answer';
    const at = Date.now();
    if (!reply.ok) return { kind: 'file', at, content: 'absent' };
    return { kind: 'file', at, content: pngColour(bytes) ?? 'unreadable' };
  } catch {
    return 'no answer'; // the connection broke: asked again
  }
}

function requestPath(target: Target, submission: Submission): string {
  return `/deployments/${target.deploymentId}/requests/${submission.acknowledged[0]}`;
}

interface Answer {
  kind: 'answer';
  status: number;
  body: Record<string, unknown>;
  text: string;
}

/** `none`: no answer came; what was sent may have arrived. */
export async function callApi(
  target: Pick<Target, 'baseUrl' | 'token'>,
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer | { kind: 'none' }> {
  const headers = { ...init.headers, authorization: `Bearer ${target.token}`, 'content-type': 'application/json' };
  try {
    const signal = AbortSignal.timeout(20_000);
    const reply = await fetch(`${target.baseUrl}/prod/v1${path}`, { ...init, headers, signal });
    const text = await reply.text();
    return { kind: 'answer', status: reply.status, text, body: JSON.parse(text) as Record<string, unknown> };
  } catch {
    return { kind: 'none' };
  }
}
