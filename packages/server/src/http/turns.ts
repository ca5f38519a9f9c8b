// Long work in small steps: between two steps other calls are answered. One step of all the long work runs in a turn of
// the event loop, so ten large bodies at once make nobody wait longer than one does. Used for bodies and data URIs.
import type { Hash } from 'node:crypto';

const waiting: (() => void)[] = [];

function runOne(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(runOne);
}

/** Resolves in a later turn of the event loop, when it is this caller's. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(runOne);
  });
}

const HASH_STEP_BYTES = 1024 * 1024;

/** Feeds bytes into a hash, a megabyte a turn. */
export async function updateInSteps(hash: Pick<Hash, 'update'>, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += HASH_STEP_BYTES) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + HASH_STEP_BYTES));
  }
}

const COPIES_A_TURN = 16;

/** Buffer.concat, of which a turn does about a megabyte. */
export async function concatInSteps(chunks: readonly Buffer[], size: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const [index, chunk] of chunks.entries()) {
    if (index % COPIES_A_TURN === COPIES_A_TURN - 1) await nextTurn();
    at += chunk.copy(whole, at);
  }
  return whole;
}
