// Ends requests that waited too long: past their own start_within_seconds, or past the start time-out while no instance
// that may run them is ready. A slow sweep; made by app-engine.ts, started by brain.ts.

import type { LiveIndex, LiveRequest } from '../requests/live.ts';
import type { Dispatcher } from './dispatcher.ts';

interface Deps {
  /** A clock that is never set: a step of the other one ends nobody. */
  readonly tick?: () => number;
  readonly live: LiveIndex;
  readonly dispatcher: Pick<Dispatcher, 'stopRequest'>;
  readonly startTimeoutMs: number;
  /** Deployments with requests that wait. */
  readonly waitingDeployments: () => Iterable<string>;
  /** Whether an instance that may run the deployment's requests is ready. */
  readonly hasReady: (deploymentId: string) => boolean;
  /** Why its requests wait, with the cause, for a person who owns no more than the deployment. */
  readonly whyWaiting: (deploymentId: string) => string;
}

const EVERY_MS = 250;

export function createDeadlines({ tick = () => performance.now(), ...deps }: Deps) {
  let timer: NodeJS.Timeout | undefined;
  /** Of deployments with waiting requests and no ready instance: since when. */
  let unservedSince = new Map<string, number>();

  function sweep() {
    const now = tick();
    for (const request of deps.live.timed()) {
      if (isWaiting(request) && isDue(request, now))
        expire(request, { name: 'its start_within_seconds', ms: startWithinMs(request) });
    }
    unservedSince = lookAtUnserved(now);
    const late = [...unservedSince].filter(([, since]) => now - since > deps.startTimeoutMs).map(([id]) => id);
    if (late.length > 0) expireOf(new Set(late), now);
  }

  function lookAtUnserved(now: number): Map<string, number> {
    const unserved = [...deps.waitingDeployments()].filter((id) => !deps.hasReady(id));
    return new Map(unserved.map((id) => [id, unservedSince.get(id) ?? now]));
  }

  function expireOf(deployments: ReadonlySet<string>, now: number) {
    for (const request of deps.live.all()) {
      if (!isWaiting(request) || now - request.createdTick <= deps.startTimeoutMs) continue;
      if (deployments.has(request.deploymentId))
        expire(request, { name: 'the start time-out', ms: deps.startTimeoutMs });
    }
  }

  function expire(request: LiveRequest, limit: { name: string; ms: number }) {
    if (request.stop) return;
    const waited = seconds(tick() - request.createdTick);
    const details = `Not started within ${limit.name} (${seconds(limit.ms)}): it waited ${waited} in the queue. ${asSentence(deps.whyWaiting(request.deploymentId))}`;
    deps.dispatcher.stopRequest(request, { kind: 'fail', code: 10007, details });
  }

  return {
    start() {
      timer = setInterval(sweep, EVERY_MS);
    },
    stop() {
      clearInterval(timer);
    },
    sweep,
  };
}

function asSentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function isDue(request: LiveRequest, now: number): boolean {
  return now - request.createdTick >= startWithinMs(request);
}

function startWithinMs({ startBy, createdAt }: LiveRequest): number {
  return (startBy ?? Number.POSITIVE_INFINITY) - createdAt;
}

/** What ran before a restart counts as leased until its instance is heard of, and has started long ago. */
function isWaiting({ phase, startedAt }: LiveRequest): boolean {
  return (phase === 'queued' || phase === 'leased') && startedAt === undefined;
}
