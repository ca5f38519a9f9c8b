// The door of scaling: what app.ts starts and stops, what the routes of instances call, what people are told. It listens
// to the fleet, to dispatch and to edits, and passes on what happened to loop.ts.
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { GoneKind, InstanceSpec } from '../instances/provider.ts';
import { withoutAddresses } from '../instances/record-events.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { takeAway } from './act.ts';
import type { CanPay } from './ask-funds.ts';
import { type ColdStarts, createColdStarts } from './cold-starts.ts';
import { createExplain, type Explain } from './explain.ts';
import { forgetRefusal } from './funds.pure.ts';
import { learnFailedStart } from './learn.pure.ts';
import { decideLeave } from './leave.pure.ts';
import { createLoop, type Loop } from './loop.ts';
import { createPoolRecords, type PoolRecords } from './pool-records.ts';
import type { ScaleRecorder } from './record-scaling.ts';
import type { Demand, ScaledFleet, ScaledFleetInstance, ScaledFleetListener } from './see-pool.ts';
import { beginWarmUp } from './warm-up.pure.ts';

export interface ScalerDeps {
  /** The deployments that keep a minimum of instances, and those named. */
  readonly listDeployments: (ids: readonly string[]) => Promise<Deployment[]>;
  /** How long the starts took that are on record, by pool. */
  readonly listColdStarts: () => Promise<{ readonly pool: string; readonly ms: number }[]>;
  readonly recorder: ScaleRecorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly fleet: ScaledFleet & { listen(listener: ScaledFleetListener): void };
  readonly demand: Demand & { onChange(listener: (deploymentId: string) => void): void };
  readonly findDeployment: (id: string) => Promise<Deployment | undefined>;
  readonly poolOf: (deployment: Deployment) => Pool;
  /** Why no instance of a SKU can be made, as far as is known. */
  readonly problemOf?: (sku: string) => string | undefined;
  /** Deployments whose requests wait, after a restart. */
  readonly waitingDeployments: () => Iterable<string>;
  /** Undefined when billing is off. */
  readonly canPay: CanPay | undefined;
  readonly startTimeoutMs: number;
  /** Whether any hardware has instances that are started and stopped; otherwise nothing is listened to. */
  readonly hasScaled: boolean;
}

export interface Scaler extends Explain {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Deployments were edited, here or elsewhere. */
  refresh(): Promise<void>;
  /** So many are to be ready, for as long as instances are kept warm. False: its instances are simply there. */
  warmUp(deployment: Deployment, instances: number): boolean;
  /** Takes an instance of the deployment away once it has ended what it runs; false: it is none of its own. */
  remove(deployment: Deployment, instanceId: string): boolean;
}

/** For what no wake tells of: an edit whose notification was lost, an account whose money is used up by idle instances. */
const REFRESH_MS = 30_000;

interface State {
  readonly deps: ScalerDeps;
  readonly records: PoolRecords;
  readonly coldStarts: ColdStarts;
  readonly loop: Loop;
}

export function createScaler(deps: ScalerDeps): Scaler {
  const records = createPoolRecords();
  const coldStarts = createColdStarts();
  const { recorder } = deps;
  const place = (deployment: Deployment) => records.place(deployment, deps.poolOf(deployment));
  const loop = createLoop({ ...deps, records, coldStarts, place, record: recorder.record });
  const state: State = { deps, records, coldStarts, loop };
  let timer: NodeJS.Timeout | undefined;
  if (deps.hasScaled) {
    deps.demand.onChange(loop.touchDeployment);
    deps.fleet.listen(listenTo(state));
  }
  return {
    ...createExplain({ ...deps, records, coldStarts }),
    refresh: () => refresh(state),
    async start() {
      if (!deps.hasScaled) return;
      await learnColdStarts(state);
      await refresh(state);
      loop.start();
      for (const id of deps.waitingDeployments()) loop.touchDeployment(id);
      for (const spec of listSpecs(deps.fleet)) loop.touchPool(spec.pool);
      timer = setInterval(() => void refresh(state).then(() => stopUnpaid(deps)), REFRESH_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      loop.stop();
      await recorder.stop();
    },
    warmUp: (deployment, instances) => warmUp(state, deployment, instances),
    remove: (deployment, instanceId) => remove(state, deployment, instanceId),
  };
}

async function learnColdStarts({ deps, coldStarts }: State): Promise<void> {
  try {
    for (const { pool, ms } of await deps.listColdStarts()) coldStarts.learn(pool, ms);
  } catch (error) {
    deps.log.warn(describeError(error), 'how long instances took to start could not be read');
  }
}

async function refresh({ deps, records, loop }: State): Promise<void> {
  if (!deps.hasScaled) return;
  records.forgetElsewhere();
  try {
    for (const deployment of await deps.listDeployments(records.awake())) {
      for (const key of records.place(deployment, deps.poolOf(deployment))) loop.touchPool(key);
    }
  } catch (error) {
    deps.log.warn(describeError(error), 'the deployments to be scaled could not be read');
  }
}

/** Instances cost while nobody submits: that the money is used up is noticed here. */
async function stopUnpaid({ canPay, fleet, log }: ScalerDeps): Promise<void> {
  if (canPay === undefined) return;
  for (const accountId of new Set(listSpecs(fleet).map((spec) => spec.accountId))) {
    await canPay(accountId).catch((error) => log.warn(describeError(error), 'the funds for instances were not read'));
  }
}

function listSpecs(fleet: ScaledFleet): InstanceSpec[] {
  return [...fleet.asked(), ...fleet.all()].flatMap(({ spec }) => (spec === undefined ? [] : [spec]));
}

function listenTo(state: State): ScaledFleetListener {
  const { records, coldStarts, loop, deps } = state;
  const touch = ({ spec }: ScaledFleetInstance) => {
    if (spec !== undefined) loop.touchPool(spec.pool);
  };
  return {
    onReady({ spec }) {
      if (spec === undefined) return;
      const pool = records.open(spec.pool);
      pool.failed = undefined;
      const start = pool.starts.get(spec.id);
      if (start !== undefined) coldStarts.learn(spec.pool, deps.clock.now() - start.askedAt);
      pool.starts.delete(spec.id);
      loop.touchPool(spec.pool);
    },
    onLost: touch,
    onDraining: touch,
    onGone(instance) {
      if (instance.spec !== undefined) records.get(instance.spec.pool)?.starts.delete(instance.id);
      touch(instance);
      touchCramped(state);
    },
    onStartFailed(spec, cause, kind) {
      noteFailedStart(state, { spec, cause, kind });
      touchCramped(state);
    },
  };
}

/** What went may have left its place to another pool. */
function touchCramped({ records, loop }: State): void {
  for (const { key, last } of records.all()) if (last?.decision.shortOf !== undefined) loop.touchPool(key);
}

function noteFailedStart(
  { records, loop, deps }: State,
  { spec, cause, kind }: { spec: InstanceSpec; cause: string; kind: GoneKind },
): void {
  const pool = records.open(spec.pool);
  const askedAt = pool.starts.get(spec.id)?.askedAt;
  pool.starts.delete(spec.id);
  const isCurrent = [...pool.members.values()].some(({ fingerprint }) => fingerprint === spec.fingerprint);
  const start = { askedAt, cause: withoutAddresses(cause), wasWished: kind === 'removed', isCurrent };
  const failed = learnFailedStart(pool.failed, start, deps.clock.now());
  if (failed !== pool.failed) metrics.startFailed();
  pool.failed = failed;
  loop.touchPool(spec.pool);
}

function warmUp({ deps, records, loop }: State, deployment: Deployment, instances: number): boolean {
  const pool = deps.poolOf(deployment);
  if (!pool.isScaled) return false;
  records.place(deployment, pool);
  const record = records.open(pool.key);
  const call = { instances, keepWarmMs: deployment.row.keep_warm_seconds * 1_000, startTimeoutMs: deps.startTimeoutMs };
  record.warmUp = beginWarmUp(record.warmUp, call, deps.clock.now());
  // Whoever calls may have mended what failed, or have paid: it is tried at once.
  if (record.failed !== undefined) record.failed = { ...record.failed, isDue: true };
  record.funds = forgetRefusal(record.funds);
  loop.touchPool(pool.key);
  return true;
}

function remove({ deps, records, loop }: State, deployment: Deployment, instanceId: string): boolean {
  const { fleet, demand } = deps;
  const pool = deps.poolOf(deployment);
  if (!pool.isScaled || listSpecs(fleet).find(({ id }) => id === instanceId)?.pool !== pool.key) return false;
  const instance = { id: instanceId, pending: demand.pendingOn(instanceId).count };
  takeAway(deps, records.open(pool.key), decideLeave(instance, 'its removal was asked for'));
  loop.touchPool(pool.key);
  return true;
}
