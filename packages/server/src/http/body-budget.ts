// How many bytes of large bodies may be in memory at once. A body that does not fit waits unread, its sender held back by
// TCP, until others are answered. Used by receive-body.ts; small bodies do not count.
import { ApiError } from '@comfleet/api';

const WAIT_MS = 30_000;

export interface BodyBudget {
  /** Resolves with the function that gives the bytes back; 503001 when there was no room in half a minute. */
  take(bytes: number): Promise<() => void>;
  /** True while somebody waits for room. */
  isCrowded(): boolean;
}

export function createBodyBudget(maxBytes: number): BodyBudget {
  const waiting: { bytes: number; go: () => void }[] = [];
  let used = 0;

  // In order of arrival, so that a large one is not passed by small ones for ever. One alone always fits.
  function admit(): void {
    for (let first = waiting[0]; first && (used === 0 || used + first.bytes <= maxBytes); first = waiting[0]) {
      waiting.shift();
      used += first.bytes;
      first.go();
    }
  }

  return {
    isCrowded: () => waiting.length > 0,
    take: (bytes) =>
      new Promise((resolve, reject) => {
        const giveUp = setTimeout(() => {
          waiting.splice(waiting.indexOf(entry), 1);
          const message = 'The service is busy with other large bodies; nothing was accepted.';
          reject(new ApiError(503001, message, { headers: { 'retry-after': '5' } }));
        }, WAIT_MS);
        let isHeld = true;
        const release = () => {
          if (!isHeld) return;
          isHeld = false;
          used -= bytes;
          admit();
        };
        const entry = {
          bytes,
          go: () => {
            clearTimeout(giveUp);
            resolve(release);
          },
        };
        waiting.push(entry);
        admit();
      }),
  };
}
