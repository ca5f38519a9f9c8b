// Every waiting request, by deployment. Kept by dispatch/loop.ts, read for queue positions.
import type { LiveRequest } from '../requests/live.ts';
import { createLane, type Lane } from './lane.ts';

export interface Waiting {
  readonly size: number;
  readonly laneCount: number;
  lanes(): IterableIterator<Lane>;
  lane(deploymentId: string): Lane | undefined;
  push(request: LiveRequest): void;
  pushFront(request: LiveRequest): void;
  shift(deploymentId: string): LiveRequest | undefined;
  remove(request: LiveRequest): boolean;
  rank(request: LiveRequest): number | undefined;
}

/** `onChange`: the deployment's queue grew or shrank. */
export function createWaiting(onChange: (deploymentId: string) => void = () => undefined): Waiting {
  const lanes = new Map<string, Lane>();
  let size = 0;

  function laneOf(request: LiveRequest): Lane {
    const lane = lanes.get(request.deploymentId) ?? createLane(request.accountId, request.deploymentId);
    lanes.set(request.deploymentId, lane);
    return lane;
  }

  function taken(lane: Lane) {
    size -= 1;
    if (lane.size === 0) lanes.delete(lane.deploymentId);
    onChange(lane.deploymentId);
  }

  return {
    get size() {
      return size;
    },
    get laneCount() {
      return lanes.size;
    },
    lanes: () => lanes.values(),
    lane: (deploymentId) => lanes.get(deploymentId),
    push(request) {
      laneOf(request).push(request);
      size += 1;
      onChange(request.deploymentId);
    },
    pushFront(request) {
      laneOf(request).pushFront(request);
      size += 1;
      onChange(request.deploymentId);
    },
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
