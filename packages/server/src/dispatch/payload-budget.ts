// How much of the waiting requests' payloads stays in memory: beyond the budget they are read again from the database when
// their turn comes (execution/load-payload.ts). Part of the board; asked by accept.ts.
import type { LiveRequest } from '../requests/live.ts';

const BUDGET_BYTES = 32 * 1024 * 1024;
/** What an entry costs besides its text. */
const OVERHEAD_BYTES = 2_048;

export function createPayloadBudget() {
  let heldBytes = 0;
  // Whoever drops the payload (the attempt that used it, the end of the request) frees the memory; this only counts.
  const registry = new FinalizationRegistry<number>((bytes) => {
    heldBytes -= bytes;
  });
  return {
    take(request: LiveRequest) {
      const { payload } = request;
      if (payload === undefined) return;
      const bytes = payload.body.length * 3 + OVERHEAD_BYTES;
      if (heldBytes + bytes > BUDGET_BYTES) {
        request.payload = undefined;
        return;
      }
      heldBytes += bytes;
      registry.register(payload, bytes);
    },
  };
}
