// Whether the brain is over, from what a follower sees of it. Called by leader.ts with each look.
//
// No clock is believed alone: time counts only between two looks that both got an answer, as much as the database's clock
// and the follower's own steady one agree on, and a single step counts little. So neither a clock that is set, nor a
// follower that was asleep, nor a database that was away makes a brain seem silent.

/** One look at the row of leadership. */
export interface Look {
  readonly term: number;
  /** undefined: nobody is the brain. */
  readonly holder: string | undefined;
  readonly url: string | undefined;
  readonly beat: number;
  /** How many sessions the holder has at the database. */
  readonly sessions: number;
  readonly dbNowMs: number;
  /** Of a clock that is never set. */
  readonly tickMs: number;
}

/** What the looks so far say; a new connection begins without. */
export interface Watched {
  readonly last: Look;
  /** For how long a brain without a session may yet come back. */
  readonly patienceMs: number;
  readonly silentMs: number;
  readonly absentMs: number;
}

/** A beat is due every 300 ms. */
const SILENT_MS = 1_200;
/** A service that lost its connections is back by then; a killed one is not. */
const ABSENT_MS = 300;
/** After an outage of the database all come back at once, and not all as quickly. */
const ABSENT_AFTER_OUTAGE_MS = 1_000;
const LONGEST_STEP_MS = 500;

/** `isAfterOutage`: the follower had lost its own connection. */
export function beginWatch(look: Look, isAfterOutage: boolean): Watched {
  return { last: look, patienceMs: isAfterOutage ? ABSENT_AFTER_OUTAGE_MS : ABSENT_MS, silentMs: 0, absentMs: 0 };
}

export function watchBrain(before: Watched, look: Look): Watched {
  const { last, patienceMs } = before;
  if (last.term !== look.term) return beginWatch(look, false);
  const passed = Math.min(look.dbNowMs - last.dbNowMs, look.tickMs - last.tickMs, LONGEST_STEP_MS);
  const stepMs = Math.max(0, passed);
  return {
    last: look,
    patienceMs: look.sessions > 0 ? ABSENT_MS : patienceMs,
    silentMs: last.beat === look.beat ? before.silentMs + stepMs : 0,
    absentMs: last.sessions === 0 && look.sessions === 0 ? before.absentMs + stepMs : 0,
  };
}

/** Why another may take over now; undefined: it may not. */
export function judgeBrain({ last, patienceMs, silentMs, absentMs }: Watched): string | undefined {
  if (last.holder === undefined) return 'there is no brain';
  if (absentMs >= patienceMs) return 'the brain has no session at the database any more';
  if (silentMs >= SILENT_MS) return `the brain has not moved for ${Math.round(silentMs)} ms`;
  return undefined;
}
