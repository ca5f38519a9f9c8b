// The loop of scaling: starts and stops instances for the work there is, gather → decide → act (judge.ts). Woken by what
// happens (a request that waits, a run that ended, an instance that came or went, an edit) and by one timer for what is due;
// wakes of one turn of the event loop are one look. A deployment that nobody uses costs nothing. Made by scaler.ts. (Who runs
// on them: dispatch/loop.ts.)
import type { Deployment } from '../deployments/directory.ts';
import { describeError } from '../telemetry/log.ts';
import { type Alarm, createAlarm } from './alarm.ts';
import { AGAIN_MS, type JudgeDeps, judge } from './judge.ts';
import type { Members, PoolRecord } from './members.ts';

export interface LoopDeps extends JudgeDeps {
  readonly members: Members;
  /** Puts a deployment where it belongs now; gives the pools concerned. */
  readonly place: (deployment: Deployment) => string[];
  readonly findDeployment: (id: string) => Promise<Deployment | undefined>;
}

export interface Loop {
  touchPool(key: string): void;
  touchDeployment(id: string): void;
  start(): void;
  stop(): void;
}

interface State {
  readonly deps: LoopDeps;
  readonly alarm: Alarm;
  /** To be looked at next. */
  readonly pools: Set<string>;
  readonly deployments: Set<string>;
  isOpen: boolean;
  isScheduled: boolean;
}

export function createLoop(deps: LoopDeps): Loop {
  const { clock } = deps;
  const alarm = createAlarm({ now: () => clock.now(), ring: (key) => touchPool(state, key) });
  const state: State = { deps, alarm, pools: new Set(), deployments: new Set(), isOpen: false, isScheduled: false };
  return {
    touchPool: (key) => touchPool(state, key),
    touchDeployment: (id) => touchDeployment(state, id),
    start() {
      state.isOpen = true;
      schedule(state);
    },
    stop() {
      state.isOpen = false;
      alarm.stop();
    },
  };
}

function touchPool(state: State, key: string): void {
  state.pools.add(key);
  schedule(state);
}

function touchDeployment(state: State, id: string): void {
  if (state.deps.members.isElsewhere(id)) return;
  state.deployments.add(id);
  schedule(state);
}

function schedule(state: State): void {
  if (state.isScheduled || !state.isOpen) return;
  state.isScheduled = true;
  setImmediate(() => {
    state.isScheduled = false;
    const { log } = state.deps;
    look(state).catch((error) => log.error(describeError(error), 'the instances of a pool could not be judged'));
  });
}

async function look(state: State): Promise<void> {
  const unknown = takeDeployments(state);
  const sought = listSought(state);
  for (const { ids } of sought) for (const id of ids) unknown.add(id);
  judgeAll(state);
  if (unknown.size === 0 && sought.length === 0) return;
  const failed = new Set<string>();
  await Promise.all([...unknown].map(async (id) => ((await learn(state, id)) ? undefined : failed.add(id))));
  for (const { record, ids } of sought) {
    record.isSought = !ids.some((id) => failed.has(id));
    state.pools.add(record.key);
  }
  judgeAll(state);
  if (failed.size > 0) setTimeout(() => [...failed].map((id) => touchDeployment(state, id)), AGAIN_MS).unref();
}

/** Those that are known give their pools; the others are to be read. Of pools at rest nobody hears of edits. */
function takeDeployments({ deps: { members }, deployments, pools }: State): Set<string> {
  const unknown = new Set<string>();
  for (const id of deployments) {
    const key = members.keyOf(id);
    if (key === undefined || members.get(key)?.isAtRest === true) unknown.add(id);
    else pools.add(key);
  }
  deployments.clear();
  return unknown;
}

/** Pools with instances that an earlier start of the service left, and no deployment yet: whose those are. */
function listSought({ deps: { members, fleet }, pools }: State): { record: PoolRecord; ids: string[] }[] {
  const records = [...pools].map((key) => members.open(key));
  return records
    .filter((record) => record.members.size === 0 && !record.isSought)
    .map((record) => {
      const specs = [...fleet.asked(), ...fleet.all()].map(({ spec }) => spec);
      const ids = specs.flatMap((spec) => (spec?.pool === record.key ? [spec.deploymentId] : []));
      return { record, ids: [...new Set(ids)] };
    });
}

async function learn({ deps, pools }: State, deploymentId: string): Promise<boolean> {
  try {
    const deployment = await deps.findDeployment(deploymentId);
    if (deployment !== undefined) for (const key of deps.place(deployment)) pools.add(key);
    return true;
  } catch (error) {
    deps.log.warn({ deploymentId, ...describeError(error) }, 'a deployment could not be read; trying again');
    return false;
  }
}

function judgeAll(state: State): void {
  const { deps, pools, alarm, isOpen } = state;
  if (!isOpen) return;
  for (const key of pools) {
    const record = deps.members.open(key);
    // Whose it is was not found out yet: nothing may be taken away for that.
    if (record.members.size === 0 && !record.isSought) continue;
    pools.delete(key);
    alarm.set(
      key,
      judge(deps, record, (again) => touchPool(state, again)),
    );
  }
  deps.members.trim();
}
