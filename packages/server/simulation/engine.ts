// The state of a simulated run and its events to come. Made by play.ts; faults.ts adds events of its own.
import type { Choose } from './choose.ts';
import { createEventHeap, type EventHeap } from './event-heap.ts';
import { createFleet, type Fleet, type Lane, type SimInstance } from './fleet.ts';
import type { Scaler } from './scaler.ts';
import type { Job } from './traces.ts';

export interface PlayOptions {
  readonly jobs: readonly Job[];
  readonly choose: Choose & { onArrival?(fleet: Fleet, lane: Lane): void };
  readonly scaler: Scaler;
  /** Of the instance with this index. */
  readonly coldStartMs: (index: number) => number;
  /** Mean service time, as the product would have learned it. */
  readonly runMs: number;
  readonly models?: { readonly slots: number; readonly loadMs: number };
  /** At least so long between two questions to the scaler; 0 asks after each event. */
  readonly scaleEveryMs?: number;
  /** The instances stay when all is done: nothing is billed to the end. */
  readonly stopWhenDone?: boolean;
  readonly stopAt?: number;
  readonly faults?: FaultRates;
  /** A request has come; dispatch and scaling have answered. */
  onSubmitted?(fleet: Fleet, index: number): void;
}

export interface FaultRates {
  readonly seed: number;
  /** Share of the instances that a fault meets each hour. */
  readonly sharePerHour: number;
  /** Silence after which a hanging instance is given up. */
  readonly noticeMs: number;
}

export const EVENT = { ready: 0, end: 1, fault: 2, noticed: 3, check: 4 } as const;
export const KINDS = 8;

export interface Engine {
  readonly options: PlayOptions;
  readonly fleet: Fleet;
  readonly heap: EventHeap;
  readonly byIndex: SimInstance[];
  readonly startedAt: Float64Array;
  readonly endedAt: Float64Array;
  readonly attemptsOf: Uint8Array;
  loads: number;
  attempts: number;
  done: number;
  idleWhileWaitingMs: number;
  instanceMs: number;
  scaledAt: number;
  checkAt: number;
  readonly violations: string[];
}

export function createEngine(options: PlayOptions): Engine {
  const count = options.jobs.length;
  return {
    options,
    fleet: createFleet(options.jobs),
    heap: createEventHeap(),
    byIndex: [],
    startedAt: new Float64Array(count).fill(Number.NaN),
    endedAt: new Float64Array(count).fill(Number.NaN),
    attemptsOf: new Uint8Array(count),
    loads: 0,
    attempts: 0,
    done: 0,
    idleWhileWaitingMs: 0,
    instanceMs: 0,
    scaledAt: Number.NEGATIVE_INFINITY,
    checkAt: Number.POSITIVE_INFINITY,
    violations: [],
  };
}

export function schedule(engine: Engine, at: number, of: { instance: SimInstance; kind: number }): void {
  engine.heap.push(at, of.instance.index * KINDS + of.kind);
}
