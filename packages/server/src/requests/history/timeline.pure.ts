// Stored attempts, and the one under way → the phases a request went through and why. Called by describe-request.ts.
import type { Phase } from '@comfleet/api';
import { MOVED, type Report, type WhyThere } from '../report.pure.ts';

/** Milliseconds since 1970. */
export interface SeenAttempt {
  readonly number: number;
  readonly instanceId: string | undefined;
  readonly startedAt: number | undefined;
  /** Undefined for the one under way. */
  readonly endedAt: number | undefined;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'lost' | undefined;
  readonly cause: string | undefined;
  readonly report: Report | undefined;
}

export interface Stretch {
  readonly phase: Phase;
  readonly from: number;
  readonly until: number;
}

interface Life {
  readonly createdAt: number;
  readonly attempts: readonly SeenAttempt[];
  /** Undefined while it lives. */
  readonly finishedAt: number | undefined;
  readonly now: number;
}

/** One after the other, without a gap; what took no time is left out. */
export function listPhases(life: Life): Stretch[] {
  const stretches: Stretch[] = [];
  let at = life.createdAt;
  const until = (phase: Phase, to: number | undefined) => {
    if (to === undefined || to <= at) return;
    const last = stretches.at(-1);
    if (last?.phase === phase) stretches[stretches.length - 1] = { ...last, until: to };
    else stretches.push({ phase, from: at, until: to });
    at = to;
  };
  const end = life.finishedAt ?? life.now;
  for (const { report, startedAt, endedAt = end } of life.attempts) {
    const { readyAt = 0, leasedAt = endedAt, media, runEndedAt } = report ?? {};
    until('cold_start', Math.min(readyAt, leasedAt));
    until('queued', Math.min(media?.[0] ?? startedAt ?? endedAt, endedAt));
    until('media', media && Math.min(media[1], endedAt));
    until('queued', Math.min(startedAt ?? endedAt, endedAt));
    until('run', Math.min(runEndedAt ?? endedAt, endedAt));
    until('upload', endedAt);
  }
  until('queued', end);
  return stretches;
}

/** Sentences for a person. */
export function explain(life: Life): string[] {
  const sentences: string[] = [];
  let waitingSince = life.createdAt;
  for (const attempt of life.attempts) {
    if (attempt.report) sentences.push(...explainChoice(attempt, attempt.report, waitingSince));
    if (attempt.outcome === 'lost') sentences.push(explainLoss(attempt));
    waitingSince = attempt.endedAt ?? waitingSince;
  }
  return sentences;
}

function explainLoss({ number, cause = 'unknown' }: SeenAttempt): string {
  return cause === MOVED
    ? `Attempt ${number} was ${MOVED}.`
    : `Attempt ${number} was lost: ${cause}. It waited again, before all others.`;
}

/** One that ended before it was sent has left no trace of where it was to run. */
function nameOf(instanceId: string | undefined): string {
  return instanceId === undefined ? 'an instance' : `instance ${instanceId}`;
}

function explainChoice({ number, instanceId }: SeenAttempt, report: Report, waitingSince: number): string[] {
  const { because, waiting, readyAt, leasedAt = waitingSince, ahead = 0, whyThere } = report;
  const sentences: string[] = [];
  if (readyAt > waitingSince && leasedAt >= readyAt) {
    sentences.push(`It waited ${seconds(readyAt - waitingSince)} for ${nameOf(instanceId)} to become ready.`);
  }
  const what = `Attempt ${number} was given to ${nameOf(instanceId)}`;
  const waited = `after ${seconds(leasedAt - waitingSince)}`;
  const others = waiting === 0 ? 'nobody else waited' : `${waiting} more waited`;
  switch (because) {
    case 'idle':
      sentences.push(`${what} at once: it had room and nobody waited.`);
      break;
    case 'only one waiting':
      sentences.push(
        waiting === 0
          ? `${what} ${waited}: nobody else waited.`
          : `${what} ${waited}: it was the next of its deployment, and no other deployment waited; ${others}.`,
      );
      break;
    case 'least used account':
      sentences.push(`${what} ${waited}: its account had used the least instance time lately; ${others}.`);
      break;
    case 'priority':
      sentences.push(`${what} ${waited}: it had the highest priority of its account's requests; ${others}.`);
      break;
    case 'first come':
      sentences.push(`${what} ${waited}: it had waited the longest; ${others}.`);
      break;
    case 'its models are loaded':
      sentences.push(`${what} ${waited}: its models were loaded there; ${others}.`);
      break;
    case 'loading is sooner than waiting':
      sentences.push(
        `${what} ${waited}: to load its models there was expected to be sooner than to wait for an instance that has them; ${others}.`,
      );
      break;
    case 'waited longest':
      sentences.push(`${what} ${waited}: it had waited longer than loaded models are worth; ${others}.`);
      break;
    case 'resumed':
      sentences.push(`Attempt ${number} went on on ${nameOf(instanceId)} after a restart of the service.`);
      break;
  }
  if (ahead > 0) sentences.push(explainAhead(ahead, whyThere));
  return sentences;
}

const WHY_THERE: Record<WhyThere, string> = {
  'fewest before it': 'no instance that it may run on was idle, and of those with room none had fewer',
  max_instances: 'its deployment was on as many instances as it may be on (max_instances), and this was one of them',
  'its models': 'its models are loaded there by then',
  'room for more': 'no instance that it may run on was idle, and this one had room',
};

function explainAhead(ahead: number, whyThere: WhyThere | undefined): string {
  const before = `${ahead === 1 ? 'One request was' : `${ahead} requests were`} before it there`;
  return whyThere === undefined ? `${before}.` : `${before}: ${WHY_THERE[whyThere]}.`;
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 100) / 10)} s`;
}
