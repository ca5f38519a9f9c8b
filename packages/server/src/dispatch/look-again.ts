// The net below the wake-ups of dispatch: now and then everything that waits is looked at, whatever was told. A wake-up that
// got lost, or a lane that is in no pool, must not keep a request for ever. What it finds is a fault of ours, and is logged as
// one. Started and stopped by dispatcher.ts.
import type { Board } from './board.ts';
import type { Lane } from './lane.ts';
import { findPool } from './pools.ts';
import { pumpOnceKnown } from './pump-once-known.ts';

const EVERY_MS = 5_000;

/** Gives the way to stop. */
export function keepLookingAgain(board: Board): () => void {
  const look = createLook(board);
  const timer = setInterval(look, EVERY_MS).unref();
  return () => clearInterval(timer);
}

export function createLook(board: Board): () => void {
  const { log } = board.deps.execution;
  /** In no pool at the last look: one whose deployment is being read is there by the next. */
  let strays = new Set<string>();

  function findStrays(): Set<string> {
    const found = new Set<string>();
    for (const lane of board.waiting.lanes()) if (!touch(board, lane)) found.add(lane.deploymentId);
    return found;
  }

  return () => {
    if (!board.isOpen) return;
    const found = findStrays();
    for (const deploymentId of found) {
      if (!strays.has(deploymentId)) continue;
      log.warn({ deploymentId }, 'what waits for a deployment was in no pool; it is read again');
      board.limits.delete(deploymentId);
      pumpOnceKnown(board, deploymentId);
    }
    strays = found;
    const before = board.waiting.size;
    board.pump();
    const given = before - board.waiting.size;
    // Where models count, waiting longer is a reason.
    if (given > 0 && !board.models.isUsed)
      log.warn({ given }, 'requests waited although an instance had room for them');
  };
}

/** False: no pump sees it. */
function touch(board: Board, lane: Lane): boolean {
  const index = findPool(board, lane.deploymentId);
  if (index === undefined) return false;
  board.touched.add(index);
  if (!index.atLimit.has(lane.deploymentId)) return index.anywhere.has(lane.deploymentId);
  index.newAtLimit.add(lane);
  return true;
}
