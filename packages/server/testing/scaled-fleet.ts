// A fleet and a demand in memory, moved by hand, for tests of the scaling loop: nothing is started, every call is kept.
import { type Deployment, toDeployment } from '../src/deployments/directory.ts';
import { poolOf } from '../src/deployments/pool.pure.ts';
import type { InstanceSpec } from '../src/instances/provider.ts';
import { createScaler, type Scaler, type ScalerDeps } from '../src/scaling/scaler.ts';
import type { ScaledFleetInstance, ScaledFleetListener } from '../src/scaling/see-pool.ts';
import { createLog } from '../src/telemetry/log.ts';

type Changing<T> = { -readonly [K in keyof T]: T[K] };

export interface ScaledFleetRig {
  readonly scaler: Scaler;
  readonly instances: Map<string, Changing<ScaledFleetInstance> & { spec: InstanceSpec }>;
  readonly asked: Map<string, { id: string; spec: InstanceSpec; askedAt: number; words?: string }>;
  readonly events: string[];
  /** `create`, `drain` and `remove` in the order of the calls. */
  readonly calls: string[];
  /** Why each was removed. */
  readonly ends: Map<string, string>;
  readonly reads: { count: number };
  setNow(now: number): void;
  /** What is removed stays for now. */
  setEndsSlowly(isSlow: boolean): void;
  /** How many more there is room for; undefined: any number. */
  setRoom(left: number | undefined): void;
  deploy(fields?: Partial<Deployment['row']>): Deployment;
  deploymentOf(instanceId: string): Deployment;
  setWaiting(deployment: Deployment, count: number): void;
  setPending(instanceId: string, count: number): void;
  becomeReady(id: string): void;
  failStart(id: string, cause: string): void;
  /** Two turns: one look may read a deployment first. */
  settle(): Promise<void>;
}

const ROW = {
  name: 'pictures',
  workflow_id: 'w',
  version_id: 'v1',
  version_number: 1,
  hardware: 'GPU',
  min_instances: 0,
  max_instances: 10,
  queue_size: 1,
  keep_warm_seconds: 60,
  share_instances: false,
  environment_hash: null,
  is_enabled: true,
  disabled_code: null,
  created_at: 0,
  updated_at: 0,
  deleted_at: null,
  is_account_active: true,
} as const;

export function createScaledFleetRig(options: Partial<ScalerDeps> = {}): ScaledFleetRig {
  let now = 1_000_000;
  let ids = 0;
  let endsSlowly = false;
  let room: number | undefined;
  const deployments = new Map<string, Deployment>();
  const waiting = new Map<string, number>();
  const pending = new Map<string, { count: number; idleSince: number | undefined }>();
  const instances: ScaledFleetRig['instances'] = new Map();
  const asked: ScaledFleetRig['asked'] = new Map();
  const events: string[] = [];
  const calls: string[] = [];
  const ends = new Map<string, string>();
  const reads = { count: 0 };
  const listeners: ScaledFleetListener[] = [];
  const watchers: ((id: string) => void)[] = [];
  const tell = (call: (listener: ScaledFleetListener) => void) => {
    for (const listener of listeners) call(listener);
  };
  const wake = (deploymentId: string) => {
    for (const watcher of watchers) watcher(deploymentId);
  };

  const scaler = createScaler({
    listDeployments: async (named) => {
      reads.count += 1;
      return [...deployments.values()].filter(({ id, row }) => named.includes(id) || row.min_instances > 0);
    },
    listColdStarts: async () => [],
    recorder: { record: ({ message }) => void events.push(message), stop: async () => undefined },
    clock: { now: () => now },
    log: createLog('silent'),
    newId() {
      ids += 1;
      return `i${ids}`;
    },
    fleet: {
      asked: () => [...asked.values()],
      all: () => [...instances.values()],
      roomFor: () => (room === undefined ? undefined : { left: room, because: 'no GPU is free' }),
      async create(spec) {
        calls.push(`create ${spec.id}`);
        asked.set(spec.id, { id: spec.id, spec, askedAt: now });
      },
      drain(id, because) {
        calls.push(`drain ${id}`);
        const instance = instances.get(id);
        if (instance === undefined) return;
        enter(instance, 'draining');
        instance.reason = because;
      },
      remove(id, because) {
        calls.push(`remove ${id}`);
        ends.set(id, because);
        if (endsSlowly) return;
        asked.delete(id);
        const instance = instances.get(id);
        instances.delete(id);
        if (instance !== undefined) tell((listener) => listener.onGone({ ...instance, phase: 'gone' }));
      },
      listen: (listener) => void listeners.push(listener),
    },
    demand: {
      waitingOf: (id) => waiting.get(id) ?? 0,
      pendingOn: (id) => pending.get(id) ?? { count: 0, idleSince: undefined },
      onChange: (watcher) => void watchers.push(watcher),
    },
    findDeployment: async (id) => {
      reads.count += 1;
      return deployments.get(id);
    },
    poolOf: ({ id, accountId, row }) => {
      const supply = row.hardware === 'FIXED' ? 'default' : 'scaled';
      const own = { id, accountId, sku: row.hardware, versionId: row.version_id };
      return poolOf({ ...own, environment: undefined, sharesInstances: row.hardware === 'SHARED' }, supply);
    },
    waitingDeployments: () => waiting.keys(),
    canPay: undefined,
    startTimeoutMs: 900_000,
    hasScaled: true,
    ...options,
  });

  function enter(instance: Changing<ScaledFleetInstance>, phase: ScaledFleetInstance['phase']) {
    instance.phase = phase;
    instance.since = now;
  }

  return {
    scaler,
    instances,
    asked,
    events,
    calls,
    ends,
    reads,
    setNow(at) {
      now = at;
    },
    setEndsSlowly(isSlow) {
      endsSlowly = isSlow;
    },
    setRoom(left) {
      room = left;
    },
    deploy(fields = {}) {
      const row = { ...ROW, id: fields.id ?? `d${deployments.size + 1}`, account_id: 'a1', ...fields };
      const deployment = toDeployment(row);
      deployments.set(row.id, deployment);
      return deployment;
    },
    deploymentOf(instanceId) {
      const deployment = deployments.get(instances.get(instanceId)?.spec.deploymentId ?? '');
      if (deployment === undefined) throw new Error(`${instanceId} belongs to no deployment`);
      return deployment;
    },
    setWaiting({ id }, count) {
      waiting.set(id, count);
      wake(id);
    },
    setPending(instanceId, count) {
      pending.set(instanceId, { count, idleSince: count > 0 ? undefined : now });
      wake(instances.get(instanceId)?.spec.deploymentId ?? '');
    },
    becomeReady(id) {
      const begun = asked.get(id);
      if (begun === undefined) throw new Error(`${id} was not asked for`);
      asked.delete(id);
      const instance = { id, spec: begun.spec, phase: 'ready' as const, since: now, reason: undefined };
      instances.set(id, instance);
      tell((listener) => listener.onReady(instance));
    },
    failStart(id, cause) {
      const begun = asked.get(id);
      if (begun === undefined) throw new Error(`${id} was not asked for`);
      asked.delete(id);
      tell((listener) => listener.onStartFailed(begun.spec, cause, 'not_started'));
    },
    async settle() {
      for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
