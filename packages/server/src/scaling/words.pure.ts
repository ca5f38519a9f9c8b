// What a person is told of a scaled pool: the status of its deployments with the reason, and why a request of it waits.
// Pure; called by explain.ts. Owners of deployments read it, so addresses are taken out before (record-events.ts).
import { UNFUNDED } from './funds.pure.ts';

export interface PoolFacts {
  readonly now: number;
  readonly closedBecause: string | undefined;
  readonly isUnfunded: boolean;
  readonly ready: number;
  readonly busy: number;
  readonly maxInstances: number;
  readonly starting: readonly { readonly since: number; readonly words: string | undefined }[];
  readonly lost: readonly { readonly since: number; readonly reason: string | undefined }[];
  readonly failed:
    | { readonly count: number; readonly since: number; readonly lastAt: number; readonly cause: string }
    | undefined;
  /** Why its hardware has no room for an instance that is wanted. */
  readonly shortOf?: string | undefined;
  /** Why instances that no request waits for are not started. */
  readonly unpaid?: string | undefined;
  /** What keeps its provider from starting any, known before one was asked for. */
  readonly cannotStart?: string | undefined;
  /** When the next start is tried after failed ones. */
  readonly nextTryAt: number | undefined;
  /** undefined while no start was seen. */
  readonly coldStartMs: number | undefined;
}

export type PoolStatus = 'standby' | 'starting' | 'running' | 'disabled' | 'error';

export function describeStatus(facts: PoolFacts): { status: PoolStatus; reason: string | undefined } {
  if (facts.closedBecause !== undefined) return { status: 'disabled', reason: facts.closedBecause };
  if (facts.isUnfunded) return { status: 'disabled', reason: UNFUNDED };
  if (facts.ready > 0) return { status: 'running', reason: undefined };
  if (facts.failed !== undefined) return { status: 'error', reason: describeFailures(facts, facts.failed) };
  if (facts.starting.length > 0) return { status: 'starting', reason: describeStarting(facts) };
  if (facts.lost.length > 0) return { status: 'error', reason: describeLost(facts) };
  if (facts.shortOf !== undefined) return { status: 'error', reason: facts.shortOf };
  if (facts.cannotStart !== undefined) {
    return { status: 'error', reason: `no instance can be started: ${facts.cannotStart}` };
  }
  return { status: 'standby', reason: facts.unpaid };
}

/** `isBrief`: without what changes from second to second, for those who are told of every change. */
export function describeWaiting(facts: PoolFacts, isBrief: boolean): string {
  if (facts.ready > 0) {
    const more = facts.starting.length > 0 ? `, ${facts.starting.length} more starting` : '';
    return `waiting for a free instance: ${facts.busy} of ${facts.ready} ready ones busy${more} (max_instances is ${facts.maxInstances}).`;
  }
  if (facts.failed !== undefined) {
    return `waiting for an instance: ${isBrief ? describeFailuresBriefly(facts.failed) : describeFailures(facts, facts.failed)}.`;
  }
  if (facts.starting.length > 0) return `waiting for an instance: ${describeStarting(facts, isBrief)}.`;
  if (facts.lost.length > 0) return `waiting for an instance: ${isBrief ? 'it does not answer' : describeLost(facts)}.`;
  if (facts.shortOf !== undefined) return `waiting for an instance: ${facts.shortOf}.`;
  return 'waiting for an instance: none has been asked for yet.';
}

function describeStarting({ starting, coldStartMs, now }: PoolFacts, isBrief = false): string {
  const [first, ...others] = [...starting].sort((a, b) => a.since - b.since);
  if (first === undefined) return 'none is starting';
  const count = others.length === 0 ? '' : `${starting.length} instances `;
  const words = first.words === undefined ? '' : `: ${first.words}`;
  if (isBrief) return `${count}starting${words}`;
  const usual = coldStartMs === undefined ? '' : ` (usually ready after ${seconds(coldStartMs)})`;
  return `${count}starting since ${seconds(now - first.since)}${words}${usual}`;
}

function describeFailures(
  { now, nextTryAt, starting }: PoolFacts,
  { count, since, lastAt, cause }: NonNullable<PoolFacts['failed']>,
): string {
  const row =
    count === 1
      ? `the last start failed ${seconds(now - lastAt)} ago`
      : `${count} starts failed in a row, for ${seconds(now - since)}, the last ${seconds(now - lastAt)} ago`;
  const next =
    starting.length > 0
      ? '; another one is starting'
      : nextTryAt === undefined || nextTryAt <= now
        ? ''
        : `; the next try is in ${seconds(nextTryAt - now)}`;
  return `${row}: ${cause}${next}`;
}

function describeFailuresBriefly({ count, cause }: NonNullable<PoolFacts['failed']>): string {
  return count === 1 ? `the last start failed: ${cause}` : `${count} starts failed in a row: ${cause}`;
}

function describeLost({ lost, now }: PoolFacts): string {
  const [first] = lost;
  if (first === undefined) return 'it does not answer';
  return `it does not answer since ${seconds(now - first.since)}: ${first.reason ?? 'nobody knows why'}`;
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1_000))} s`;
}
