// Who runs next on an instance that has room, and why. Pure: dispatch/loop.ts gathers, this decides, the loop acts.
//
// Between accounts: the one that has used the least instance time goes first, so a flood of one account does not make
// the others wait for it. Within an account: priority, then first come, over all its deployments.

/** A deployment's waiting requests, seen from one instance. */
export interface LaneView {
  readonly accountId: string;
  readonly deploymentId: string;
  readonly headPriority: number;
  readonly headCreatedAt: number;
  /** Instances this deployment's requests are on now, the one in question not counted. */
  readonly otherInstances: number;
  readonly maxInstances: number;
}

export interface Choice {
  readonly deploymentId: string;
  readonly because: 'only one waiting' | 'least used account' | 'priority' | 'first come';
}

export interface AccountUsage {
  /** Instance time used lately, in milliseconds. */
  usedMs(accountId: string): number;
}

export function chooseNext(lanes: readonly LaneView[], usage: AccountUsage): Choice | undefined {
  const eligible = lanes.filter((lane) => lane.otherInstances < lane.maxInstances);
  const [first, ...others] = eligible;
  if (first === undefined) return undefined;
  if (others.length === 0) return { deploymentId: first.deploymentId, because: 'only one waiting' };
  // The account before the lane: compared pairwise, lanes of three would have no order that is the same from all sides.
  const next = leastUsed(groupByAccount(eligible), usage);
  const lane = next.lanes.reduce(sooner);
  const deploymentId = lane.deploymentId;
  if (next.isLeastUsed) return { deploymentId, because: 'least used account' };
  const isUrgent = next.lanes.some(({ headPriority }) => headPriority < lane.headPriority);
  return { deploymentId, because: isUrgent ? 'priority' : 'first come' };
}

function groupByAccount(lanes: readonly LaneView[]): LaneView[][] {
  const accounts = new Map<string, LaneView[]>();
  for (const lane of lanes) {
    const own = accounts.get(lane.accountId);
    if (own) own.push(lane);
    else accounts.set(lane.accountId, [lane]);
  }
  return [...accounts.values()];
}

interface NextAccount {
  readonly lanes: readonly LaneView[];
  /** Alone so: false when it was taken for waiting longest among equals. */
  readonly isLeastUsed: boolean;
}

function leastUsed(accounts: readonly LaneView[][], usage: AccountUsage): NextAccount {
  let next: LaneView[] = [];
  let least = Number.POSITIVE_INFINITY;
  let since = Number.POSITIVE_INFINITY;
  let equals = 0;
  for (const lanes of accounts) {
    const used = usage.usedMs(lanes[0]?.accountId ?? '');
    const waitsSince = lanes.reduce((oldest, { headCreatedAt }) => Math.min(oldest, headCreatedAt), Infinity);
    equals = used < least ? 1 : equals + (used === least ? 1 : 0);
    if (used > least || (used === least && waitsSince >= since)) continue;
    next = lanes;
    least = used;
    since = waitsSince;
  }
  return { lanes: next, isLeastUsed: accounts.length > 1 && equals === 1 };
}

function sooner(a: LaneView, b: LaneView): LaneView {
  const order = b.headPriority - a.headPriority || a.headCreatedAt - b.headCreatedAt;
  return order <= 0 ? a : b;
}
