// How far a run is, as one record on its live request, and as callers see it. Written by execution/progress.pure.ts from
// the frames of the attempt under way; read by the events stream and the request's detail.

/** Of the submitted graph's nodes; what a node expands to counts as that node. Milliseconds since 1970. */
export interface NodeRun {
  readonly startedAt: number;
  endedAt: number | undefined;
  readonly isCached: boolean;
}

export interface RunProgress {
  /** 1 for the first run; a run that was lost is followed by another. */
  readonly attempt: number;
  readonly nodesTotal: number;
  /** Undefined for a node that the graph does not have. */
  readonly classOf: (nodeId: string) => string | undefined;
  /** Nodes that have begun, or were taken from the cache, in that order. */
  readonly nodes: Map<string, NodeRun>;
  nodesDone: number;
  currentNode: string | undefined;
  step: number | undefined;
  steps: number | undefined;
  /** 0 to 1; never falls within an attempt. */
  value: number;
  isOver: boolean;
}

export interface ProgressView {
  value: number;
  nodes_done: number;
  nodes_total: number;
  current_node?: string;
  current_node_class?: string;
  step?: number;
  steps?: number;
  message: string;
}

export function viewProgress(progress: RunProgress): ProgressView {
  const { currentNode, step, steps } = progress;
  const nodeClass = currentNode === undefined ? undefined : progress.classOf(currentNode);
  const view: ProgressView = {
    value: Math.round(progress.value * 10_000) / 10_000,
    nodes_done: progress.nodesDone,
    nodes_total: progress.nodesTotal,
    message: describe(progress, nodeClass),
  };
  if (currentNode !== undefined) view.current_node = currentNode;
  if (nodeClass !== undefined) view.current_node_class = nodeClass;
  if (step !== undefined && steps !== undefined) {
    view.step = step;
    view.steps = steps;
  }
  return view;
}

function describe(progress: RunProgress, nodeClass: string | undefined): string {
  const before = progress.attempt > 1 ? `Attempt ${progress.attempt}: ` : '';
  if (progress.isOver) return `${before}every node is done; the files are being stored`;
  if (progress.currentNode === undefined) return `${before}the graph has not begun`;
  const node = `${nodeClass ?? 'node'} (node ${progress.currentNode})`;
  if (progress.step === undefined) return `${before}${node} runs`;
  return `${before}${node}: step ${progress.step} of ${progress.steps}`;
}
