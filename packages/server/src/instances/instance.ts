// What an instance is to the rest of the service, and what is told of it. Kept by fleet.ts; the steps of its life are those
// of lifecycle.pure.ts.
import type { InstanceConnection } from './connection.ts';
import type { Gpu } from './find-gpus.ts';
import type { Life } from './lifecycle.pure.ts';
import type { GoneKind, InstanceSpec, ProviderKind } from './provider.ts';

/** `lost`: answered once, does not now · `gone`: will never answer again. */
export type InstancePhase = 'starting' | 'ready' | 'lost' | 'draining' | 'gone';

export interface Instance {
  readonly id: string;
  readonly provider: ProviderKind;
  /** Whose requests it runs (deployments/pool.pure.ts). */
  readonly pool: string;
  /** What it was started for; undefined for those that are simply there. */
  readonly spec: InstanceSpec | undefined;
  readonly askedAt: number;
  readonly connection: InstanceConnection;
  /** Undefined until it has said so. */
  gpus: readonly Gpu[] | undefined;
  /** Folders on this machine that its files appear in. */
  folders: LocalFolders | undefined;
  life: Life;
  /** Of the last step of its life. */
  phase: InstancePhase;
  since: number;
  reason: string | undefined;
  /** Kept by dispatch: since when it has anything to do, and for how long it had before. */
  busySince: number | undefined;
  busyMs: number;
  /** Names of files that this instance's input folder holds already, by SHA-256. */
  readonly uploaded: Map<string, string>;
}

export interface LocalFolders {
  readonly output: string;
  /** Undefined where only the output folder is known. */
  readonly temp: string | undefined;
  /** True for a process of ours; otherwise only files in an attempt's own folder are read. */
  readonly isOwn: boolean;
}

/** Asked for, and without an address yet. */
export interface AskedInstance {
  readonly id: string;
  readonly spec: InstanceSpec;
  readonly provider: ProviderKind | undefined;
  readonly askedAt: number;
  readonly life: Life;
  /** What it had worked before this start of the service. */
  readonly busyMs: number;
  /** Why it is not up yet, as its provider says. */
  readonly words: string | undefined;
}

export interface FleetListener {
  /** It was asked for. */
  onAsked?(asked: AskedInstance): void;
  /** It exists and has not answered yet. */
  onStarted?(instance: Instance): void;
  onReady(instance: Instance): void;
  onLost(instance: Instance): void;
  /** It answers, and nothing that was given to it will run. */
  onWorkerDead?(instance: Instance): void;
  /** It takes nothing more; what it runs goes on. */
  onDraining?(instance: Instance): void;
  onGone(instance: Instance): void;
  /** It never came up. */
  onStartFailed?(spec: InstanceSpec, cause: string, kind: GoneKind): void;
}
