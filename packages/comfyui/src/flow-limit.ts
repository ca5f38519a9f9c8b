// How fast a websocket is read. Every frame is decoded on the one event loop that all instances share: one that floods has
// to wait, and keeps what it has to say meanwhile (TCP holds it back). What a ComfyUI sends in earnest stays far below.

/** What looking at a frame costs beside its bytes. */
const FRAME_COST_BYTES = 1_024;

export interface FlowLimit {
  /** A frame has come. Gives for how long to read no more, in milliseconds; 0: go on. */
  take(bytes: number): number;
}

export interface FlowRate {
  readonly bytesPerSecond: number;
  /** So much at once is no flood. */
  readonly burstBytes: number;
}

/** `now`: milliseconds of a clock that is never set. */
export function createFlowLimit({ bytesPerSecond, burstBytes }: FlowRate, now: () => number): FlowLimit {
  let leftBytes = burstBytes;
  let takenAt = now();
  return {
    take(bytes) {
      leftBytes -= bytes + FRAME_COST_BYTES;
      // The clock is only asked when it matters.
      if (leftBytes > 0) return 0;
      const at = now();
      leftBytes = Math.min(burstBytes, leftBytes + ((at - takenAt) * bytesPerSecond) / 1_000);
      takenAt = at;
      return leftBytes > 0 ? 0 : (-leftBytes * 1_000) / bytesPerSecond;
    },
  };
}
