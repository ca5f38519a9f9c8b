// Ends requests that waited too long: past their own start_within_seconds, or past the start time-out while no instance
// can be reached. A slow sweep; started by app.ts.
import type { Fleet } from '../instances/fleet.ts';
import type { LiveIndex, LiveRequest } from '../requests/live.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Dispatcher } from './dispatcher.ts';

interface Deps {
  readonly clock: Clock;
  readonly live: LiveIndex;
  readonly fleet: Fleet;
  readonly dispatcher: Dispatcher;
  readonly startTimeoutMs: number;
}

const EVERY_MS = 250;

export function createDeadlines(deps: Deps) {
  let timer: NodeJS.Timeout | undefined;
  let noInstanceSince: number | undefined;

  function sweep() {
    const now = deps.clock.now();
    const isReachable = deps.fleet.ready().length > 0;
    noInstanceSince = isReachable ? undefined : (noInstanceSince ?? now);
    for (const request of deps.live.timed()) {
      if (isWaiting(request) && isDue(request, now))
        expire(request, { name: 'its start_within_seconds', ms: (request.startBy ?? now) - request.createdAt });
    }
    if (noInstanceSince !== undefined && now - noInstanceSince > deps.startTimeoutMs) expireOld(now);
  }

  function expireOld(now: number) {
    for (const request of deps.live.all()) {
      if (isWaiting(request) && now - request.createdAt > deps.startTimeoutMs)
        expire(request, { name: 'the start time-out', ms: deps.startTimeoutMs });
    }
  }

  function expire(request: LiveRequest, limit: { name: string; ms: number }) {
    if (request.stop) return;
    const waited = seconds(deps.clock.now() - request.createdAt);
    const details = `Not started within ${limit.name} (${seconds(limit.ms)}): it waited ${waited} in the queue. ${describeFleet(deps.fleet)}`;
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

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function isDue(request: LiveRequest, now: number): boolean {
  return request.startBy !== undefined && request.startBy <= now;
}

function isWaiting(request: LiveRequest): boolean {
  return request.phase === 'queued' || request.phase === 'leased';
}

/** Why nothing is given out, for a person. */
export function describeFleet(fleet: Fleet): string {
  const instances = fleet.all();
  if (instances.length === 0) return 'There is no instance.';
  const ready = instances.filter((instance) => instance.phase === 'ready').length;
  if (ready > 0) return `${ready} of ${instances.length} instances are ready and busy.`;
  const causes = instances.map(
    (i) => `${i.id} (${i.phase}): ${i.reason ?? i.connection.lastCause() ?? 'no answer yet'}`,
  );
  return `No instance could be reached. ${causes.slice(0, 3).join('; ')}`;
}
