// What a caller learns about its request: where it stands, how it ended, and every file of the result, read whole.
// Called by caller.ts while it waits, and by verdict.ts at the end.
import { createHash } from 'node:crypto';
import { type Answer, callApi, fetchFile, type Target } from './call-api.ts';
import type { Observation, SeenFile, Submission } from './history.pure.ts';
import { MEDIA_NODE, mediaColour, SECRET_PREFIX } from './pictures.ts';
import { readPng } from './png-colour.ts';

const ENDED_WORDS = new Set(['completed', 'canceled', 'cancelled']);

export function requestPath(target: Target, submission: Submission): string {
  return `/deployments/${target.deploymentId}/requests/${submission.acknowledged[0]}`;
}

export async function observeStatus(target: Target, submission: Submission): Promise<'ended' | 'gone' | 'goes on'> {
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

/** True once an end was seen, with its files if there are any. */
export async function observeResult(target: Target, submission: Submission): Promise<boolean> {
  const answer = await callApi(target, `${requestPath(target, submission)}/result`);
  const at = Date.now();
  if (answer.kind === 'none' || answer.status === 503) return false;
  const found = readResult(answer, at);
  if (found.kind !== 'ended') {
    submission.observations.push(found);
    return found.kind === 'absent';
  }
  const files: SeenFile[] = [];
  for (const { nodeId, url } of listFiles(answer.body)) {
    const file = await observeFile(url);
    if (file === 'no answer') return false;
    files.push(nodeId === MEDIA_NODE ? { ...file, wanted: mediaColour(submission.colour) } : file);
  }
  submission.observations.push(found, ...files);
  return true;
}

/** Asks for somebody else's request: nothing but a refusal may come. */
export async function intrude(target: Target, submission: Submission): Promise<void> {
  const answer = await callApi(target, `${requestPath(target, submission)}/result`);
  if (answer.kind === 'none' || answer.status === 503) return;
  if ((answer.status === 403 || answer.status === 404) && !answer.text.includes('"outputs"')) return;
  submission.observations.push({ kind: 'foreign', at: Date.now(), what: `${target.account} was told ${answer.text}` });
}

function readResult({ status, body, text }: Answer, at: number): Observation {
  if (status === 404) return { kind: 'absent', at };
  if (status !== 200) return { kind: 'broken', at, what: `result: ${status} ${text}` };
  if (text.includes(SECRET_PREFIX)) return { kind: 'foreign', at, what: `a secret was told: ${text}` };
  const outcome = String(body['status']);
  if (outcome === 'in_queue' || outcome === 'in_progress') return { kind: 'live', at, word: outcome };
  // Several addresses of the service make several addresses of the file.
  const told = text.replaceAll(/https?:\/\/[^/"]+/g, '');
  const digest = createHash('sha256').update(told).digest('hex').slice(0, 12);
  const [error] = Array.isArray(body['error']) ? body['error'] : [];
  return { kind: 'ended', at, outcome, digest, errorCode: error?.errorCode };
}

function listFiles(body: Record<string, unknown>): { nodeId: string; url: string }[] {
  const outputs = body['outputs'] as Record<string, { images?: { url: string }[] }> | undefined;
  return Object.entries(outputs ?? {}).flatMap(([nodeId, { images = [] }]) =>
    images.map(({ url }) => ({ nodeId, url })),
  );
}

async function observeFile(url: string): Promise<SeenFile | 'no answer'> {
  try {
    const { status, bytes } = await fetchFile(url);
    if (status === 503) return 'no answer';
    const at = Date.now();
    if (status !== 200) return { kind: 'file', at, content: 'absent' };
    const png = readPng(bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { kind: 'file', at, content: png?.colour ?? 'unreadable', epoch: readEpoch(png?.prompt), sha256 };
  } catch {
    return 'no answer'; // the connection broke: asked again
  }
}

/** The folder of an attempt ends with its epoch, but for the first. */
function readEpoch(prompt: string | undefined): number | undefined {
  const found =
    /"filename_prefix": "[^"]*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-(\d+))?\//.exec(
      prompt ?? '',
    );
  return found === null ? undefined : Number(found[1] ?? 1);
}
