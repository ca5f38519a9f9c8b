// Gathers what there is of a pool now: its deployments with what waits for them, its instances with what they do. Called by
// judge.ts before each decision; also what scaling uses of the fleet and of dispatch.
import type { GoneKind, InstanceSpec, Room } from '../instances/provider.ts';
import type { MemberDemand, SeenInstance } from './combine-members.pure.ts';
import type { PoolRecord, Start } from './pool-records.ts';

/** What the scaler uses of the fleet (instances/fleet.ts). */
export interface ScaledFleet {
  asked(): readonly {
    readonly id: string;
    readonly spec: InstanceSpec;
    readonly askedAt: number;
    readonly words?: string | undefined;
  }[];
  all(): readonly ScaledFleetInstance[];
  /** How many more of a SKU can be made now; undefined: any number. */
  roomFor?(sku: string): Room | undefined;
  create(spec: InstanceSpec): Promise<void>;
  drain(id: string, because: string): unknown;
  remove(id: string, because: string): unknown;
}

export interface ScaledFleetListener {
  onReady(instance: ScaledFleetInstance): void;
  onLost(instance: ScaledFleetInstance): void;
  onDraining(instance: ScaledFleetInstance): void;
  onGone(instance: ScaledFleetInstance): void;
  /** It never came up: refused, out of time, ended before it answered. */
  onStartFailed(spec: InstanceSpec, cause: string, kind: GoneKind): void;
}

export interface ScaledFleetInstance {
  readonly id: string;
  readonly spec: InstanceSpec | undefined;
  readonly phase: SeenInstance['phase'];
  readonly since: number;
  readonly reason: string | undefined;
}

/** What the scaler uses of dispatch (dispatch/demand.ts). */
export interface Demand {
  waitingOf(deploymentId: string): number;
  pendingOn(instanceId: string): { readonly count: number; readonly idleSince: number | undefined };
}

export interface SeamDeps {
  readonly fleet: ScaledFleet;
  readonly demand: Demand;
}

export interface PoolView {
  readonly members: readonly MemberDemand[];
  readonly instances: readonly SeenInstance[];
  /** Besides them. */
  readonly room: Room | undefined;
}

export function seePool({ fleet, demand }: SeamDeps, pool: PoolRecord): PoolView {
  const members = [...pool.members.values()].map((member) => ({ ...member, waiting: demand.waitingOf(member.id) }));
  const instances: SeenInstance[] = [];
  for (const { id, spec, askedAt } of fleet.asked()) {
    if (spec.pool === pool.key) instances.push(seeStart(id, { askedAt, fingerprint: spec.fingerprint }));
  }
  for (const { id, spec, phase, since, reason } of fleet.all()) {
    if (spec?.pool !== pool.key) continue;
    const { count, idleSince } = demand.pendingOn(id);
    const { fingerprint } = spec;
    instances.push({ id, phase, since, reason, fingerprint, pending: count, lastUsedAt: idleSince });
  }
  for (const [id, start] of pool.starts) {
    if (!start.isTaken && !instances.some((each) => each.id === id)) instances.push(seeStart(id, start));
  }
  // All of a pool have the same hardware (deployments/pool.pure.ts).
  const [sku] = members.map((member) => member.sku);
  const room = sku === undefined ? undefined : fleet.roomFor?.(sku);
  return { members, instances: instances.map((each) => (pool.removing.has(each.id) ? leaving(each) : each)), room };
}

function seeStart(id: string, { askedAt, fingerprint }: Pick<Start, 'askedAt' | 'fingerprint'>): SeenInstance {
  return { id, phase: 'asked', since: askedAt, fingerprint, pending: 0, lastUsedAt: undefined };
}

function leaving(instance: SeenInstance): SeenInstance {
  return { ...instance, phase: 'draining' };
}
