// The callers: each submits a picture, polls it to its end, looks at its files, and begins again; and writes down all that
// it learned. Faults show as connections that break and as 503s; whatever else is odd is written down as broken.
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi, type Target } from './call-api.ts';
import { waitUntil } from './child-process.ts';
import type { PictureKind, Submission } from './history.pure.ts';
import { intrude, observeResult, observeStatus, requestPath } from './observe.ts';
import { bodyOf } from './pictures.ts';

const POLL_MS = 250;
/** Longer after each failure: two hundred callers must not take the processor from what starts. */
const RETRY_MS: readonly [number, number] = [100, 1_000];
const PROBE_MS: readonly [number, number] = [50, 50];
/** One caller in ten thinks better of it at once, mostly while its request waits. */
const CANCELS_EVERY = 10;
const RUNS_WITHIN_MS = 5_000;

export interface Load {
  /** One account each; callers take turns. */
  readonly targets: readonly [Target, ...Target[]];
  readonly count: number;
  /** A colour that nobody else gets. */
  readonly nextColour: () => number;
  /** What the callers ask for, by turns. */
  readonly kinds?: readonly PictureKind[];
  readonly pollMs?: number;
  /** Told to every second caller's webhook. */
  readonly webhookUrl?: string;
}

export interface Callers {
  readonly submissions: readonly Submission[];
  /** One more picture, asked for every few milliseconds from now on: resolves when it was acknowledged, with the milliseconds that took. */
  submitOne(): Promise<number>;
  /** One more picture, which is cancelled as soon as it is seen to run. */
  cancelOneThatRuns(): Promise<void>;
  /** No new pictures; resolves when every caller saw the end of its last one, or false after the time. */
  finish(withinMs: number): Promise<boolean>;
  /** Somebody else's submit is to be seen to its end as well. */
  adopt(submission: Submission): void;
  targetOf(submission: Submission): Target;
}

export function startCallers(load: Load): Callers {
  const { targets, count, kinds = ['plain'], pollMs = POLL_MS } = load;
  const submissions: Submission[] = [];
  const stopping: Stopping = { isStopping: false, isOver: false };
  const targetOf = ({ account }: Submission) => targets.find((target) => target.account === account) ?? targets[0];

  function begin(index: number, kind = kinds[Math.floor(index / 2) % kinds.length] ?? 'plain'): Submission {
    const { account } = targets[index % targets.length] ?? targets[0];
    const submission = { ...newSubmission(index, load), account, kind };
    submissions.push(submission);
    return submission;
  }

  async function call(index: number): Promise<void> {
    while (!stopping.isStopping) {
      const submission = begin(index);
      const target = targetOf(submission);
      await submit(target, submission, { stopping, webhookUrl: load.webhookUrl, retryMs: RETRY_MS });
      if (submission.acknowledged.length === 0) continue;
      if (index % CANCELS_EVERY === 1) {
        await sleep(submission.colour % 300);
        await cancel(target, submission);
      }
      await follow(target, submission, { stopping, pollMs });
      const stranger = targets.find(({ account }) => account !== target.account);
      if (stranger !== undefined && index % 5 === 0) {
        await intrude({ ...stranger, deploymentId: target.deploymentId }, submission);
      }
    }
  }

  const calls = Promise.all(Array.from({ length: count }, (_, index) => call(index)));
  return {
    submissions,
    targetOf,
    adopt: (submission) => void submissions.push(submission),
    async submitOne() {
      const from = performance.now();
      const submission = begin(0);
      const patience = { stopping, webhookUrl: load.webhookUrl, retryMs: PROBE_MS };
      await submit(targetOf(submission), submission, patience);
      return performance.now() - from;
    },
    async cancelOneThatRuns() {
      const submission = begin(1, 'slow');
      const target = targetOf(submission);
      await submit(target, submission, { stopping, webhookUrl: load.webhookUrl, retryMs: PROBE_MS });
      if (submission.acknowledged.length > 0 && (await isSeenToRun(target, submission)))
        await cancel(target, submission);
    },
    async finish(withinMs) {
      stopping.isStopping = true;
      const isDone = await Promise.race([calls.then(() => true), sleep(withinMs, false, { ref: false })]);
      stopping.isOver = true;
      await calls;
      return isDone;
    },
  };
}

/** Every second caller sends a key and may therefore repeat what was not answered. */
function newSubmission(index: number, { nextColour, webhookUrl }: Load): Submission {
  const colour = nextColour();
  return {
    colour,
    isWebhookWanted: webhookUrl !== undefined && index % 4 < 2,
    idempotencyKey: index % 2 === 0 ? `key-${colour}` : undefined,
    acknowledged: [],
    observations: [],
  };
}

interface Stopping {
  isStopping: boolean;
  isOver: boolean;
}

interface Patience {
  readonly stopping: Stopping;
  readonly webhookUrl: string | undefined;
  readonly retryMs: readonly [first: number, longest: number];
}

async function submit(
  target: Target,
  submission: Submission,
  { stopping, webhookUrl, retryMs }: Patience,
): Promise<void> {
  let [pauseMs, longestMs] = retryMs;
  const { idempotencyKey: key, colour, kind = 'plain', isWebhookWanted } = submission;
  const webhook = isWebhookWanted && webhookUrl !== undefined ? { webhook: webhookUrl } : {};
  const body = JSON.stringify({ ...bodyOf(kind, colour), ...webhook });
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  for (;;) {
    const sentAt = Date.now();
    const path = `/deployments/${target.deploymentId}/inference`;
    const answer = await callApi(target, path, { method: 'POST', headers, body });
    if (answer.kind === 'answer' && answer.status === 200) {
      submission.sentAt = sentAt;
      submission.acknowledgedAt = Date.now();
      submission.acknowledged.push(String(answer.body['request_id']));
      return;
    }
    if (answer.kind === 'answer' && answer.status !== 503) {
      submission.observations.push({ kind: 'broken', at: Date.now(), what: `submit: ${answer.status} ${answer.text}` });
      return;
    }
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, longestMs);
    if (key === undefined || stopping.isOver) return;
  }
}

async function isSeenToRun(target: Target, submission: Submission): Promise<boolean> {
  const isRunning = () => submission.observations.some((o) => o.kind === 'live' && o.word === 'in_progress');
  const look = async () => (await observeStatus(target, submission)) !== 'goes on' || isRunning();
  await waitUntil(look, RUNS_WITHIN_MS, PROBE_MS[0]);
  return isRunning();
}

async function cancel(target: Target, submission: Submission): Promise<void> {
  const answer = await callApi(target, `${requestPath(target, submission)}/cancel`, { method: 'POST' });
  const at = Date.now();
  const isAcknowledged = answer.kind === 'answer' && answer.body['status'] === 'cancellation_requested';
  submission.observations.push({ kind: 'cancel', at, isAcknowledged });
  if (answer.kind === 'none' || answer.status < 300 || answer.status === 503) return;
  const what = `cancel: ${answer.status} ${answer.text}`;
  submission.observations.push(answer.status === 404 ? { kind: 'absent', at } : { kind: 'broken', at, what });
}

async function follow(
  target: Target,
  submission: Submission,
  { stopping, pollMs }: { stopping: Stopping; pollMs: number },
): Promise<void> {
  while (!stopping.isOver) {
    await sleep(pollMs);
    const seen = await observeStatus(target, submission);
    if (seen === 'ended' && (await observeResult(target, submission))) return;
    if (seen === 'gone') return;
  }
}
