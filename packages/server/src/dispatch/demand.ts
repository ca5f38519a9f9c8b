// What dispatch has to give out, for those who decide how many instances there are: what waits, what each instance has to
// do. Told whenever that changes, in the turn it changes in.
import type { Board } from './board.ts';

export interface Demand {
  /** Requests of the deployment that no instance was given. */
  waitingOf(deploymentId: string): number;
  /** Deployments with such requests. */
  waitingDeployments(): Iterable<string>;
  /** Given to the instance and not over there; `idleSince`: when its last work ended. */
  pendingOn(instanceId: string): { readonly count: number; readonly idleSince: number | undefined };
  /** The pool whose instances run them, once it was looked up; undefined where everybody shares what is there. */
  poolOf(deploymentId: string): string | undefined;
  onChange(listener: (deploymentId: string) => void): void;
}

export function createDemand(board: Board): Demand {
  return {
    waitingOf: (deploymentId) => (board.waiting.lane(deploymentId)?.size ?? 0) + board.backlog.count(deploymentId),
    *waitingDeployments() {
      const more = board.backlog.deployments();
      for (const { deploymentId } of board.waiting.lanes()) {
        more.delete(deploymentId);
        yield deploymentId;
      }
      yield* more;
    },
    pendingOn(instanceId) {
      const slots = board.slotsById.get(instanceId);
      return { count: slots?.pending ?? 0, idleSince: slots?.idleSince };
    },
    poolOf: (deploymentId) => board.pools.get(deploymentId)?.key,
    onChange: (listener) => void board.demandListeners.push(listener),
  };
}
