// For how long it is certain, after a beat that arrived, that no other replica is the brain. Kept by leader.ts.
//
// By two clocks: the steady one stands still while the host is suspended, and the other may be set. One that was set ahead
// or back makes the brain wait for its next beat, and does no harm.

/** Shorter than a successor waits (leader.pure.ts): within this time after a beat was sent there is none. */
const CERTAIN_MS = 900;

export interface Moment {
  readonly steadyMs: number;
  readonly wallMs: number;
}

export interface Certainty {
  /** Taken before a beat is sent: when it arrives is not known. */
  moment(): Moment;
  /** The beat of that moment arrived; undefined: none is known to have. */
  renew(sentAt: Moment | undefined): void;
  isCertain(): boolean;
}

const readClocks = (): Moment => ({ steadyMs: performance.now(), wallMs: Date.now() });

export function createCertainty(moment: () => Moment = readClocks): Certainty {
  let beat: Moment | undefined;
  return {
    moment,
    renew(sentAt) {
      beat = sentAt;
    },
    isCertain() {
      if (beat === undefined) return false;
      const now = moment();
      const wallMs = now.wallMs - beat.wallMs;
      return now.steadyMs - beat.steadyMs < CERTAIN_MS && wallMs >= 0 && wallMs < CERTAIN_MS;
    },
  };
}
