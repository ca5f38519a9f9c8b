// What decideScale is asked, made from what see-pool.ts saw: a pool that several deployments share has the sum of their
// wishes, of those that may have instances now. Pure; called by judge.ts.
import type { ScaledInstance, ScaleLimits, ScaleState } from './decide.pure.ts';
import { UNFUNDED } from './funds.pure.ts';
import type { Member } from './member.pure.ts';

export interface MemberDemand extends Member {
  /** Its requests that no instance has taken. */
  readonly waiting: number;
}

/** An instance of the pool, whatever is known of it. */
export interface SeenInstance {
  readonly id: string;
  readonly phase: 'asked' | 'starting' | 'ready' | 'lost' | 'draining' | 'gone';
  readonly since: number;
  /** Why it is in it, as far as somebody said. */
  readonly reason?: string | undefined;
  readonly fingerprint: string;
  /** Requests given to it and not over there. */
  readonly pending: number;
  /** When its last run ended; undefined when none did. */
  readonly lastUsedAt: number | undefined;
}

type Rest = Pick<ScaleState, 'coldStartMs' | 'memory' | 'failedStarts' | 'warmUp' | 'room' | 'funds'>;

export function combineMembers(
  members: readonly MemberDemand[],
  seen: readonly SeenInstance[],
  rest: Rest,
): ScaleState {
  const isBusy = seen.some(({ pending }) => pending > 0);
  const open = members.filter((member) => isOpen(member, isBusy));
  const fingerprints = new Set(open.map(({ fingerprint }) => fingerprint));
  const instances = seen.filter(({ phase }) => phase !== 'gone').map((each) => view(each, fingerprints));
  // Given ahead to a busy instance is waiting still: it could run elsewhere.
  const givenAhead = seen.reduce((sum, { pending }) => sum + Math.max(0, pending - 1), 0);
  const whyDisabled =
    members.map(({ closedBecause }) => closedBecause).find((because) => because !== undefined) ??
    (members.some(({ isUnfunded }) => isUnfunded) ? UNFUNDED : undefined) ??
    'no deployment uses it any more';
  return {
    ...rest,
    isEnabled: open.length > 0,
    whyDisabled,
    limits: sumLimits(open),
    waiting: open.reduce((sum, member) => sum + usableWaiting(member, open.length), 0) + givenAhead,
    givenAhead,
    instances,
  };
}

/** What is left of an unfunded one is finished. */
function isOpen({ closedBecause, isUnfunded, waiting }: MemberDemand, isBusy: boolean): boolean {
  return closedBecause === undefined && (!isUnfunded || waiting > 0 || isBusy);
}

function view(seen: SeenInstance, fingerprints: ReadonlySet<string>): ScaledInstance {
  const { id, phase, since, pending, lastUsedAt, fingerprint } = seen;
  return {
    id,
    // One that was lost is expected to come back, or its provider says that it is gone.
    phase: phase === 'ready' || phase === 'draining' ? phase : 'starting',
    since,
    running: pending,
    idleSince: Math.max(since, lastUsedAt ?? since),
    isCurrent: fingerprints.has(fingerprint),
  };
}

function sumLimits(open: readonly MemberDemand[]): ScaleLimits {
  const funded = open.filter(({ isUnfunded }) => !isUnfunded);
  const sizes = open.filter(({ waiting }) => waiting > 0).map(({ limits }) => limits.queueSize);
  const ordered = sizes.length > 0 ? sizes : open.map(({ limits }) => limits.queueSize);
  return {
    queueSize: ordered.length === 0 ? 1 : Math.min(...ordered),
    minInstances: funded.reduce((sum, { limits }) => sum + limits.minInstances, 0),
    maxInstances: open.reduce((sum, { limits }) => sum + limits.maxInstances, 0),
    keepWarmMs: Math.max(0, ...funded.map(({ limits }) => limits.keepWarmMs)),
  };
}

/** Of several in a pool, none causes more instances than it may use itself. */
function usableWaiting({ waiting, limits }: MemberDemand, members: number): number {
  return members === 1 ? waiting : Math.min(waiting, limits.maxInstances * Math.max(1, limits.queueSize));
}
