// An instance as dispatch sees it: what it was given and is not over, and how many more it may be given ahead. One `Slots` an
// instance, kept in the board: assign.ts enters a request, perform.ts lets it leave, guests.ts does both.
import type { Attempt } from '../execution/attempt.ts';
import { createTurn, type Turn } from '../execution/turn.ts';
import type { Instance } from '../instances/fleet.ts';
import { depth } from './give-ahead.pure.ts';
import type { PoolIndex } from './pool-index.ts';
import type { Link } from './slots-list.ts';

export interface Slots {
  readonly instance: Instance;
  readonly turn: Turn;
  readonly attempts: Set<Attempt>;
  /** Prompts of callers of the instance proxy, waiting for their turn here or sent. */
  readonly guests: Set<Guest>;
  /** Of each account with such prompts: which of them may stand here. */
  readonly guestTurns: Map<string, Turn>;
  /** Given and not yet over on the instance, reserved ones included. */
  pending: number;
  /** Live requests of each deployment here. */
  readonly deployments: Map<string, number>;
  meanRunMs: number;
  /** When its last work ended; undefined when it never had any. */
  idleSince: number | undefined;
  /** The models of the last run that loaded any, and of the last one that was given to it (model-sets.ts). */
  loaded: string | undefined;
  planned: string | undefined;
  /** While it takes work. */
  pool: PoolIndex | undefined;
  readonly link: Link;
  readonly watch: SlotsWatch;
}

/** Whoever chooses among instances (pools.ts), or decides how many there are (demand.ts), hears of what each has to do. */
export interface SlotsWatch {
  now(): number;
  onChange(deploymentId: string): void;
  onWork(slots: Slots): void;
  onSpread(slots: Slots, change: { deploymentId: string; isThere: boolean }): void;
}

/** A prompt that is no request of ours and takes its turn among them (guests.ts). */
export interface Guest {
  readonly promptId: string;
  readonly accountId: string;
  readonly deploymentId: string;
}

const UNKNOWN_RUN_MS = 1_000;
const WEIGHT = 0.1;
export function createSlots(instance: Instance, watch: SlotsWatch): Slots {
  return {
    instance,
    turn: createTurn(1),
    attempts: new Set(),
    guests: new Set(),
    guestTurns: new Map(),
    pending: 0,
    deployments: new Map(),
    meanRunMs: UNKNOWN_RUN_MS,
    idleSince: undefined,
    loaded: undefined,
    planned: undefined,
    pool: undefined,
    link: { list: undefined, before: undefined, after: undefined },
    watch,
  };
}

export function enter(slots: Slots, deploymentId: string) {
  slots.pending += 1;
  if (slots.pending === 1) slots.instance.busySince ??= slots.watch.now();
  const count = slots.deployments.get(deploymentId) ?? 0;
  slots.deployments.set(deploymentId, count + 1);
  if (count === 0) slots.watch.onSpread(slots, { deploymentId, isThere: true });
  slots.watch.onWork(slots);
  slots.watch.onChange(deploymentId);
}

export function leave(slots: Slots, deploymentId: string) {
  slots.pending -= 1;
  const count = (slots.deployments.get(deploymentId) ?? 1) - 1;
  if (count === 0) {
    slots.deployments.delete(deploymentId);
    slots.watch.onSpread(slots, { deploymentId, isThere: false });
  } else slots.deployments.set(deploymentId, count);
  if (slots.pending === 0) endWork(slots);
  slots.watch.onWork(slots);
  slots.watch.onChange(deploymentId);
}

function endWork(slots: Slots) {
  const { instance } = slots;
  const now = slots.watch.now();
  slots.idleSince = now;
  instance.busyMs += Math.max(0, now - (instance.busySince ?? now));
  instance.busySince = undefined;
}

export function learnRun(slots: Slots, runMs: number) {
  slots.meanRunMs += (runMs - slots.meanRunMs) * (slots.meanRunMs === UNKNOWN_RUN_MS ? 1 : WEIGHT);
  slots.turn.setDepth(depth(slots));
  slots.watch.onWork(slots);
}
