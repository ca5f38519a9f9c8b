// The requests that wait, in a lane for each deployment. Part of the board: accept.ts adds, perform.ts puts back, loop.ts takes
// who is next, dispatcher.ts takes out who is cancelled; standing.ts reads positions. (What a start still reads: backlog.ts.)
import type { LiveRequest } from '../requests/live.ts';
import { createLane, type Lane } from './lane.ts';

export interface Waiting {
  readonly size: number;
  lanes(): IterableIterator<Lane>;
  lane(deploymentId: string): Lane | undefined;
  push(request: LiveRequest): void;
  pushFront(request: LiveRequest): void;
  shift(deploymentId: string): LiveRequest | undefined;
  remove(request: LiveRequest): boolean;
  rank(request: LiveRequest): number | undefined;
}

interface WaitingWatch {
  /** The deployment's queue grew or shrank. */
  onChange(deploymentId: string): void;
  /** It began to wait, or nothing of it waits any more. */
  onOpened(lane: Lane): void;
  onClosed(lane: Lane): void;
}

const NOBODY: WaitingWatch = { onChange: () => undefined, onOpened: () => undefined, onClosed: () => undefined };

export function createWaiting(watch: WaitingWatch = NOBODY): Waiting {
  const lanes = new Map<string, Lane>();
  let size = 0;

  function add(request: LiveRequest, push: (lane: Lane) => void) {
    const { deploymentId } = request;
    const known = lanes.get(deploymentId);
    const lane = known ?? createLane(request.accountId, deploymentId);
    push(lane);
    size += 1;
    if (known === undefined) {
      lanes.set(deploymentId, lane);
      watch.onOpened(lane);
    }
    watch.onChange(deploymentId);
  }

  function taken(lane: Lane) {
    size -= 1;
    if (lane.size === 0) {
      watch.onClosed(lane);
      lanes.delete(lane.deploymentId);
    }
    watch.onChange(lane.deploymentId);
  }

  return {
    get size() {
      return size;
    },
    lanes: () => lanes.values(),
    lane: (deploymentId) => lanes.get(deploymentId),
    push: (request) => add(request, (lane) => lane.push(request)),
    pushFront: (request) => add(request, (lane) => lane.pushFront(request)),
    shift(deploymentId) {
      const lane = lanes.get(deploymentId);
      const request = lane?.shift();
      if (lane && request) taken(lane);
      return request;
    },
    remove(request) {
      const lane = lanes.get(request.deploymentId);
      if (!lane?.remove(request)) return false;
      taken(lane);
      return true;
    },
    rank: (request) => lanes.get(request.deploymentId)?.rank(request),
  };
}
