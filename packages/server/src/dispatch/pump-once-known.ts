// A request came to a queue: the pump, once it is known whose instances may run its deployment. A lane of a deployment that
// nobody has asked about is in no pool, and no pump sees it. Called by whatever puts requests into lanes: accept.ts, perform.ts.
import { describeError } from '../telemetry/log.ts';
import { type Board, refreshLimit } from './board.ts';

const ASK_AGAIN_MS = 1_000;

export function pumpOnceKnown(board: Board, deploymentId: string): void {
  if (board.limits.has(deploymentId)) {
    board.pump();
    return;
  }
  // Held while it is looked up, so that a burst asks once.
  board.limits.set(deploymentId, 1);
  const fail = (error: unknown) => {
    board.limits.delete(deploymentId);
    board.deps.execution.log.warn(describeError(error), "a deployment's limit could not be read");
    // Nobody may come after it who would ask again.
    const again = () => board.waiting.lane(deploymentId) && pumpOnceKnown(board, deploymentId);
    setTimeout(again, ASK_AGAIN_MS).unref();
  };
  refreshLimit(board, deploymentId)
    .catch(fail)
    .finally(() => board.pump());
}
