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
  let best = first;
  let because: Choice['because'] = 'first come';
  for (const lane of others) {
    const order = compare(lane, best, usage);
    if (order.value < 0) best = lane;
    because = order.because;
  }
  return { deploymentId: best.deploymentId, because };
}

function compare(a: LaneView, b: LaneView, usage: AccountUsage): { value: number; because: Choice['because'] } {
  if (a.accountId !== b.accountId) {
    const used = usage.usedMs(a.accountId) - usage.usedMs(b.accountId);
    if (used !== 0) return { value: used, because: 'least used account' };
  } else if (a.headPriority !== b.headPriority) {
    return { value: b.headPriority - a.headPriority, because: 'priority' };
  }
  return { value: a.headCreatedAt - b.headCreatedAt, because: 'first come' };
}
