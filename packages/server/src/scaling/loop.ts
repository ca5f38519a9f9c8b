// The loop of scaling: starts and stops instances for the work there is, each pool as judge.ts says. Woken by what happens (a
// request that waits, a run that ended, an instance that came or went, an edit) and by one timer for what is due; wakes of
// one turn of the event loop are one look. A deployment that nobody uses costs nothing. Made by scaler.ts. (Who runs on
// them: dispatch/loop.ts.)
import type { Deployment } from '../deployments/directory.ts';
import { describeError } from '../telemetry/log.ts';
import { type Alarm, createAlarm } from './alarm.ts';
import { type JudgeDeps, judge } from './judge.ts';
import type { PoolRecord, PoolRecords } from './pool-records.ts';

/** What could not be read (the database was away) is read again. */
const AGAIN_MS = 1_000;

export interface LoopDeps extends JudgeDeps {
  readonly records: PoolRecords;
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
  if (state.deps.records.isElsewhere(id)) return;
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
  const unread = takeUnread(state);
  const ownerless = listOwnerless(state);
  // What is known does not wait for the database.
  judgePools(state);
  if (unread.length === 0 && ownerless.length === 0) return;
  const failed = await readDeployments(state, [...unread, ...ownerless.flatMap(({ owners }) => owners)]);
  noteOwnersRead(state, ownerless, failed);
  judgePools(state);
  readAgain(state, failed);
}

/** Of those touched, the ones to be read first; the others' pools are known. Of pools at rest nobody hears of edits. */
function takeUnread({ deps: { records }, deployments, pools }: State): string[] {
  const unread: string[] = [];
  for (const id of deployments) {
    const key = records.keyOf(id);
    if (key === undefined || records.get(key)?.isAtRest === true) unread.push(id);
    else pools.add(key);
  }
  deployments.clear();
  return unread;
}

/** A pool with instances that an earlier life of the service left, and the deployments they were started for. */
interface Ownerless {
  readonly record: PoolRecord;
  readonly owners: readonly string[];
}

function listOwnerless({ deps: { records, fleet }, pools }: State): Ownerless[] {
  const ownerless = [...pools].map((key) => records.open(key)).filter(isOwnerless);
  return ownerless.map((record) => {
    const instances = [...fleet.asked(), ...fleet.all()].filter(({ spec }) => spec?.pool === record.key);
    return { record, owners: instances.flatMap(({ spec }) => spec?.deploymentId ?? []) };
  });
}

/** Whose it is was not found out yet: nothing may be taken away for that. */
function isOwnerless({ members, hasReadOwners }: PoolRecord): boolean {
  return members.size === 0 && !hasReadOwners;
}

/** Gives those that could not be read. */
async function readDeployments(state: State, ids: readonly string[]): Promise<Set<string>> {
  const failed = new Set<string>();
  const read = async (id: string) => {
    if (!(await readDeployment(state, id))) failed.add(id);
  };
  await Promise.all([...new Set(ids)].map(read));
  return failed;
}

async function readDeployment({ deps, pools }: State, deploymentId: string): Promise<boolean> {
  try {
    const deployment = await deps.findDeployment(deploymentId);
    if (deployment !== undefined) for (const key of deps.place(deployment)) pools.add(key);
    return true;
  } catch (error) {
    deps.log.warn({ deploymentId, ...describeError(error) }, 'a deployment could not be read; trying again');
    return false;
  }
}

function noteOwnersRead({ pools }: State, ownerless: readonly Ownerless[], failed: ReadonlySet<string>): void {
  for (const { record, owners } of ownerless) {
    record.hasReadOwners = !owners.some((id) => failed.has(id));
    pools.add(record.key);
  }
}

function judgePools(state: State): void {
  const { deps, pools, alarm, isOpen } = state;
  if (!isOpen) return;
  for (const key of pools) {
    const record = deps.records.open(key);
    if (isOwnerless(record)) continue;
    pools.delete(key);
    const checkAt = judge(deps, record, () => touchPool(state, key));
    alarm.set(key, checkAt);
  }
  deps.records.trim();
}

function readAgain(state: State, failed: ReadonlySet<string>): void {
  if (failed.size === 0) return;
  const touchAll = () => {
    for (const id of failed) touchDeployment(state, id);
  };
  setTimeout(touchAll, AGAIN_MS).unref();
}
