// How many proxied calls of one account may be held in memory at once, with their bodies: a prompt waits for its turn on the
// instance with all of its graph. Made by proxy.ts; asked by routes.ts.
import { ApiError } from '@comfleet/api';

export interface Room {
  /** Gives the function that leaves again; throws 429001. */
  enter(accountId: string, bytes: number): () => void;
}

const MOST_CALLS = 64;
/** Bodies at the limit. One whose size is not known yet counts as one. */
const MOST_BODIES = 4;

export function createRoom(bodyLimitBytes: number): Room {
  const held = new Map<string, { calls: number; bytes: number }>();
  return {
    enter(accountId, bytes) {
      const now = held.get(accountId) ?? { calls: 0, bytes: 0 };
      if (now.calls >= MOST_CALLS || now.bytes + bytes > MOST_BODIES * bodyLimitBytes) {
        const message = `The account has ${now.calls} calls with ${now.bytes} bytes waiting at the instance proxy, and no more can be held.`;
        throw new ApiError(429001, message, { headers: { 'retry-after': '5' } });
      }
      now.calls += 1;
      now.bytes += bytes;
      held.set(accountId, now);
      let isHere = true;
      return () => {
        if (!isHere) return;
        isHere = false;
        now.calls -= 1;
        now.bytes -= bytes;
        if (now.calls === 0) held.delete(accountId);
      };
    },
  };
}
