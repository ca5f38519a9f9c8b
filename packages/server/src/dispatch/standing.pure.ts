// Who runs before a waiting request, and when its own run will be over: the order in which assign.pure.ts would give out what
// waits for the same instances. Pure; standing.ts gathers.
//
// An approximation. Where models matter it is affinity.pure.ts that chooses: there a request may pass others to an instance
// that has its models, or let them pass while it waits for one, and a load takes its time; here all instances are alike. And
// what will have been used when its turn comes is taken from how long runs took so far, for other accounts as it is now.
import type { AccountUsage } from './assign.pure.ts';
import { type EtaMs, estimate, type Spread } from './eta.pure.ts';

/** So many requests whose runs take so long each. */
export interface Group {
  readonly count: number;
  readonly time: Spread;
}

/** The request in question. */
interface Mine {
  readonly accountId: string;
  readonly createdAt: number;
  /** Of its own deployment: how many go first. */
  readonly before: number;
  readonly runMs: number;
}

/** What waits of another deployment, for an instance that the request may run on. */
export interface OtherLane {
  readonly accountId: string;
  readonly waiting: number;
  /** Of them, those that go first if the account is the request's own. */
  readonly before: number;
  readonly headCreatedAt: number;
  readonly time: Spread;
}

/** How many of other deployments go first: of its own account by priority and age, of others as the accounts take turns. */
export function othersBefore(mine: Mine, lanes: readonly OtherLane[], usage: AccountUsage): Group[] {
  const groups: Group[] = [];
  const accounts = new Map<string, OtherLane[]>();
  let ofAccount = mine.before;
  for (const lane of lanes) {
    const known = accounts.get(lane.accountId);
    if (lane.accountId === mine.accountId) {
      ofAccount += lane.before;
      groups.push({ count: lane.before, time: lane.time });
    } else if (known) known.push(lane);
    else accounts.set(lane.accountId, [lane]);
  }
  // What its account will have used when its turn has come within the account.
  const usedMs = usage.usedMs(mine.accountId) + ofAccount * mine.runMs;
  for (const [accountId, of] of accounts) {
    const leadMs = usedMs - usage.usedMs(accountId);
    groups.push(turnsBefore(of, leadMs, mine.createdAt));
  }
  return groups;
}

/** Of another account: it goes first as long as it has used less, or as much and waits longer. */
function turnsBefore(lanes: readonly OtherLane[], leadMs: number, createdAt: number): Group {
  const time = lanes[0]?.time ?? { meanMs: 0, variance: 0 };
  if (leadMs > 0) {
    const waiting = lanes.reduce((total, lane) => total + lane.waiting, 0);
    return { count: Math.min(waiting, Math.ceil(leadMs / Math.max(1, time.meanMs))), time };
  }
  const isOlder = lanes.some(({ headCreatedAt }) => headCreatedAt < createdAt);
  return { count: leadMs === 0 && isOlder ? 1 : 0, time };
}

/** A ready instance that it may run on. */
interface SeenInstance {
  /** What it has to do before it takes this request. */
  readonly left: Spread;
  /** Its deployment is there already. */
  readonly hasOwn: boolean;
}

export interface Ahead {
  readonly instances: readonly SeenInstance[];
  /** Of each that starts for the deployment: when it will be ready. */
  readonly starting: readonly Spread[];
  readonly maxInstances: number;
  /** Of its own deployment, and of the others: who goes first. */
  readonly ownBefore: readonly Group[];
  readonly othersBefore: readonly Group[];
  /** Its own run; `weight`: of how many runs that is known. */
  readonly own: Spread & { readonly weight: number };
}

/** undefined: there is no instance, nor does one start. */
export function endOf({ instances, starting, maxInstances, ownBefore, othersBefore, own }: Ahead): EtaMs | undefined {
  const more = starting.slice(0, Math.max(0, maxInstances - instances.length));
  const busy = [...instances.map(({ left }) => left), ...more];
  if (busy.length === 0) return undefined;
  const shared = estimate({ ...sumUp([...ownBefore, ...othersBefore]), busy, own, weight: own.weight });
  if (maxInstances >= instances.length) return shared;
  // It may use only some of them, and only its own deployment's requests are in the way there.
  const usable = [...instances].sort(ownFirst).slice(0, maxInstances);
  const alone = estimate({ ...sumUp(ownBefore), busy: usable.map(({ left }) => left), own, weight: own.weight });
  return alone.meanMs > shared.meanMs ? alone : shared;
}

function ownFirst(a: SeenInstance, b: SeenInstance): number {
  return Number(b.hasOwn) - Number(a.hasOwn) || a.left.meanMs - b.left.meanMs;
}

function sumUp(groups: readonly Group[]): { ahead: number; work: Spread } {
  let ahead = 0;
  let meanMs = 0;
  let variance = 0;
  for (const { count, time } of groups) {
    ahead += count;
    meanMs += count * time.meanMs;
    variance += count * time.variance;
  }
  return { ahead, work: { meanMs, variance } };
}
