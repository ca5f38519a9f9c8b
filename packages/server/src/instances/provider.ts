// What makes instances exist. Providers are told to create and remove; they tell what became of an instance. Called by
// fleet.ts. Every provider passes ../testing/provider-conformance.ts.
//
//   create() ──▶ onStarted() when it has an address ──▶ … ──▶ onGone(), whatever the reason, exactly once

export type ProviderKind = 'static' | 'process' | 'docker' | 'kubernetes';

/** What an instance is made for. Kept on what is made (labels, a file), so that a later start knows it again. */
export interface InstanceSpec {
  /** Chosen by us before the call: a second create() of the same id makes nothing new. */
  readonly id: string;
  /** Whose requests it runs: deployments/pool.pure.ts. */
  readonly pool: string;
  readonly accountId: string;
  readonly deploymentId: string;
  /** Names the provider's settings. */
  readonly sku: string;
  /** What it is made from (version or environment, and hardware): another one means that it is outdated. */
  readonly fingerprint: string;
}

/** An instance as its provider knows it: an address, and for local ones the folder that its outputs appear in. */
export interface ProvidedInstance {
  readonly id: string;
  readonly baseUrl: string;
  /** The output and temp folders when they are on this machine: files are then read, not fetched. */
  readonly folders: { readonly output: string; readonly temp: string } | undefined;
  /** Present on what was created for somebody, also by an earlier start; absent on what serves everybody. */
  readonly spec?: InstanceSpec;
  /** Of one without a spec: the pool it belongs to; left out: the default pool. */
  readonly pool?: string;
}

/** What kind of end, for those who decide what follows from it. */
export type GoneKind =
  /** remove() was called. */
  | 'removed'
  /** It ended by itself, or somebody else ended it. */
  | 'ended'
  | 'out_of_memory'
  /** Its machine was taken away. */
  | 'evicted'
  /** It never came up: bad image, missing command, no GPU, quota. */
  | 'not_started';

export interface ProviderEvents {
  /** It exists; whether it answers is for the connection to find out. */
  onStarted(instance: ProvidedInstance): void;
  /** Why it is not up yet, in words for a person: `pulling the image`, `Unschedulable: 0/3 nodes have …`. */
  onPending?(instanceId: string, words: string): void;
  /** Somebody else ends it, and it goes on for a moment: what it runs may come to its end, and nothing more is for it. */
  onLeaving?(instanceId: string, because: string): void;
  /** All that existed when it was started has been told, by one whose start() had to go on without knowing. */
  onListed?(): void;
  /** It is certainly gone: nothing that ran there goes on. `cause` is in words for a person. */
  onGone(instanceId: string, cause: string, kind?: GoneKind): void;
}

export interface Provider {
  readonly kind: ProviderKind;
  /** Tells of the instances that exist already (of earlier starts too), then of what becomes of any of them. */
  start(events: ProviderEvents): Promise<void>;
  /** False: what exists could not be asked for yet, and onListed follows. Absent: start() tells of all. */
  isListed?(): boolean;
  /** Ends the watch. Instances that outlive this process (containers, Pods) are left alone: the next start finds them. */
  stop(): Promise<void>;
  /** Asks for an instance: resolves when it is asked for, long before it answers. Absent where they are somebody else's.
   *  Rejects with StartRefused when it cannot be asked for at all. Idempotent by id. */
  create?(spec: InstanceSpec): Promise<void>;
  /** Ends an instance; onGone follows. Idempotent; of an unknown id it makes sure that nothing of that id is left. */
  remove?(instanceId: string): Promise<void>;
  /** Ends an instance that is of no use any more and starts another; absent where instances are somebody else's. */
  restart?(instanceId: string): void;
  /** The last lines of the instance's log, also for a while after it is gone; absent where they are somebody else's. */
  logTail?(instanceId: string): Promise<string[]>;
  /** How many more of a SKU it can make now, those taken into account that are `asked` for; absent where others schedule. */
  roomFor?(sku: string, asked: readonly InstanceSpec[]): Room;
  /** What keeps it from making instances now: no engine, no permission, no such program. */
  check?(): Promise<ProviderProblem[]>;
}

export interface ProviderProblem {
  /** Whose instances cannot be made; undefined: none of its can. */
  readonly sku: string | undefined;
  /** In words, with the way out. */
  readonly says: string;
}

export interface Room {
  readonly left: number;
  /** Why not more, in words for a person: `no GPU is free: each of 0, 1 has an instance`. */
  readonly because: string;
}

/** create() could not even ask. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}
