// An instance's life as a state machine: which step may follow which, when each was taken and why, and how long it was set
// up, worked and stood idle. Pure; taken by instance-steps.ts, kept on record by lives.ts, told by list-instances.ts.
//
//   requested ──address──▶ starting ──answers──▶ ready ⇄ lost
//       │                      │                   └──┬──┘ ──▶ draining: takes nothing more
//       └──────────────────────┴──────────────────────┴────────────┴──▶ gone
//
// Whether a ready or draining one is busy or idle is known by what dispatch has there (dispatch/slots.ts), and is no step:
// an instance has thousands of runs.

export type LifePhase = 'requested' | 'starting' | 'ready' | 'lost' | 'draining' | 'gone';

/** Milliseconds since 1970. What ends or hinders work has a reason. */
export type LifeStep =
  | { readonly phase: 'requested' | 'starting' | 'ready'; readonly at: number; readonly reason?: string | undefined }
  | { readonly phase: 'lost' | 'draining' | 'gone'; readonly at: number; readonly reason: string };

export interface Life {
  /** In their order; of one that comes and goes, the first and the newest. */
  readonly steps: readonly [LifeStep, ...LifeStep[]];
  /** When it answered first. */
  readonly readyAt: number | undefined;
}

const MAY_FOLLOW: Readonly<Record<LifePhase, readonly LifePhase[]>> = {
  requested: ['starting', 'gone'],
  // `starting` once more: a later start of the service found it again, and has not heard it answer.
  starting: ['starting', 'ready', 'draining', 'gone'],
  ready: ['lost', 'draining', 'starting', 'gone'],
  lost: ['ready', 'draining', 'starting', 'gone'],
  draining: ['starting', 'gone'],
  gone: [],
};

const MOST_STEPS = 30;
const FIRST_STEPS = 3;

export function beginLife(phase: 'requested' | 'starting', at: number): Life {
  return { steps: [{ phase, at }], readyAt: undefined };
}

export function lastStep({ steps }: Life): LifeStep {
  return steps[steps.length - 1] ?? steps[0];
}

/** undefined: it may not follow, and nothing changes. */
export function takeStep(life: Life, step: LifeStep): Life | undefined {
  const last = lastStep(life);
  if (!MAY_FOLLOW[last.phase].includes(step.phase)) return undefined;
  // A clock that was set back makes no step come before the one it follows.
  const taken = { ...step, at: Math.max(step.at, last.at) };
  const [first, ...others] = life.steps;
  const kept = others.length < MOST_STEPS - 1 ? others : others.filter((_, index) => index !== FIRST_STEPS - 1);
  const readyAt = life.readyAt ?? (step.phase === 'ready' ? taken.at : undefined);
  return { steps: [first, ...kept, taken], readyAt };
}

/** What an instance did so far, as dispatch counts it. */
export interface Work {
  /** With anything given to it, over now. */
  readonly busyMs: number;
  /** Since when it has something now. */
  readonly busySince: number | undefined;
}

export interface Durations {
  /** From being asked for until it answered first, or until it was gone without. */
  readonly setUpMs: number;
  readonly runningMs: number;
  readonly idleMs: number;
}

export function measureLife({ steps, readyAt }: Life, { busyMs, busySince }: Work, now: number): Durations {
  const [first] = steps;
  const last = steps[steps.length - 1] ?? first;
  const end = Math.max(first.at, last.phase === 'gone' ? last.at : now);
  if (readyAt === undefined) return { setUpMs: end - first.at, runningMs: 0, idleMs: 0 };
  const usedMs = Math.max(0, end - readyAt);
  const runningMs = Math.min(usedMs, busyMs + (busySince === undefined ? 0 : Math.max(0, end - busySince)));
  return { setUpMs: readyAt - first.at, runningMs, idleMs: usedMs - runningMs };
}
