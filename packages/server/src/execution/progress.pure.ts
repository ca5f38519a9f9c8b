// Frames → how far the run is. Called by tell-progress.ts with every frame of a prompt, so it only counts: the node map of
// progress_state frames is read for those who watch alone.
import type { RunProgress } from '../requests/run-progress.pure.ts';

/** The frames that say something about it; `at` them see packages/comfyui/src/frames.ts. */
export type ProgressFrame =
  | { readonly type: 'execution_cached'; readonly nodes: readonly string[] }
  | { readonly type: 'executing'; readonly displayNodeId: string }
  | { readonly type: 'executed'; readonly displayNodeId: string }
  | { readonly type: 'progress'; readonly nodeId: string | undefined; readonly value: number; readonly max: number }
  | { readonly type: 'execution_success' };

/** One entry of a progress_state frame. */
export interface NodeState {
  readonly displayNodeId: string;
  readonly value: number;
  readonly max: number;
  readonly state: string;
}

interface NewRun {
  readonly attempt: number;
  readonly nodesTotal: number;
  readonly classOf: (nodeId: string) => string | undefined;
}

export function startProgress(run: NewRun): RunProgress {
  // Field by field: V8 makes slow objects of spreads, and every frame of every run works on this one.
  return {
    attempt: run.attempt,
    nodesTotal: run.nodesTotal,
    classOf: run.classOf,
    nodes: new Map(),
    nodesDone: 0,
    currentNode: undefined,
    step: undefined,
    steps: undefined,
    value: 0,
    isOver: false,
  };
}

/** Takes a frame in. */
export function takeFrame(progress: RunProgress, frame: ProgressFrame, now: number): void {
  switch (frame.type) {
    case 'execution_cached':
      for (const node of frame.nodes) endNode(progress, node, { now, isCached: true });
      break;
    case 'executing':
      enterNode(progress, frame.displayNodeId, now);
      break;
    case 'executed':
      // A node that never began was taken from the cache, and shows again what it showed.
      endNode(progress, frame.displayNodeId, { now, isCached: true });
      break;
    case 'progress':
      // Nodes that expand report under ids of their own: then it is the current one that goes on.
      if (frame.nodeId !== undefined) enterNode(progress, frame.nodeId, now);
      takeStep(progress, frame);
      break;
    case 'execution_success':
      finish(progress, now);
      break;
  }
  raise(progress);
}

/** Takes the node map in: more exact than the rest where nodes run side by side. */
export function takeNodeStates(progress: RunProgress, states: readonly NodeState[], now: number): void {
  for (const { displayNodeId, state, value, max } of states) {
    if (state === 'finished') endNode(progress, displayNodeId, { now, isCached: true });
    else if (state === 'running' && displayNodeId === progress.currentNode) takeStep(progress, { value, max });
  }
  raise(progress);
}

// ComfyUI runs one node after the other but for those that wait for something outside: the next one's begin is the end
// of the one before.
function enterNode(progress: RunProgress, nodeId: string, now: number): void {
  if (nodeId === progress.currentNode || progress.classOf(nodeId) === undefined) return;
  if (progress.currentNode !== undefined) endNode(progress, progress.currentNode, { now, isCached: false });
  progress.currentNode = nodeId;
  progress.step = undefined;
  progress.steps = undefined;
  if (!progress.nodes.has(nodeId)) progress.nodes.set(nodeId, { startedAt: now, endedAt: undefined, isCached: false });
}

/** `isCached` is about a node that never began. */
function endNode(progress: RunProgress, nodeId: string, how: { now: number; isCached: boolean }): void {
  const known = progress.nodes.get(nodeId);
  if (known === undefined) {
    if (progress.classOf(nodeId) === undefined) return;
    progress.nodes.set(nodeId, { startedAt: how.now, endedAt: how.now, isCached: how.isCached });
  } else if (known.endedAt === undefined) known.endedAt = how.now;
  else return;
  progress.nodesDone += 1;
}

function takeStep(progress: RunProgress, { value, max }: { value: number; max: number }): void {
  // Each node starts with 0 of 1, which is no step.
  if (max <= 1 || progress.currentNode === undefined) return;
  progress.step = Math.min(value, max);
  progress.steps = max;
}

// Nodes that were never needed count as done: nothing is left to run.
function finish(progress: RunProgress, now: number): void {
  if (progress.currentNode !== undefined) endNode(progress, progress.currentNode, { now, isCached: false });
  progress.nodesDone = progress.nodesTotal;
  progress.currentNode = undefined;
  progress.step = undefined;
  progress.steps = undefined;
  progress.isOver = true;
}

function raise(progress: RunProgress): void {
  const { nodesTotal, nodesDone, currentNode, step, steps } = progress;
  if (nodesTotal === 0) return;
  const current = currentNode === undefined ? undefined : progress.nodes.get(currentNode);
  const isRunning = current !== undefined && current.endedAt === undefined;
  const share = isRunning && step !== undefined && steps !== undefined ? step / steps : 0;
  const reached = (nodesDone + share) / nodesTotal;
  progress.value = Math.min(1, Math.max(progress.value, reached));
}
