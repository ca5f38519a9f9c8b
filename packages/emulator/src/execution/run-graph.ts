// Runs one prompt's graph as ComfyUI's PromptExecutor does: cache keys, cached nodes, then node after node, reporting
// each step. Lives in the worker thread; worker.ts connects it to the server.
import type { JsonObject } from '@comfleet/comfyui';
import { LosslessNumber } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';
import type { NodeDefinition, NodeDirectories } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { computeCacheKeys } from './cache-keys.ts';
import { createExecutionList } from './execution-list.ts';
import { describeFailure } from './failure.ts';
import { type GraphNode, readGraph, requireNode, WorkerDeath } from './graph.ts';
import { createNodeCache } from './node-cache.ts';
import { constantsOf } from './node-inputs.ts';
import type { ExecutionEnd, ExecutionEvent, FreeWish, Job } from './protocol.ts';
import { type Run, runNode } from './run-node.ts';
import { createServiceTime } from './service-time.ts';

export interface GraphRunner {
  run(job: Job, control: RunControl): Promise<ExecutionEnd>;
  free(wish: FreeWish): void;
}

export interface RunControl {
  emit(event: ExecutionEvent): void;
  isInterrupted(): boolean;
  signal: AbortSignal;
}

interface RunnerDeps {
  nodes: ReadonlyMap<string, NodeDefinition>;
  dirs: NodeDirectories;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function createGraphRunner({ nodes, dirs, sleep }: RunnerDeps): GraphRunner {
  const cache = createNodeCache();
  let signal = new AbortController().signal;
  const time = createServiceTime({ sleep: (ms) => sleep(ms, signal) });
  const definitionOf = (node: GraphNode) => {
    const definition = nodes.get(node.classType);
    if (!definition) throw new WorkerDeath(`no node class ${node.classType}`);
    return definition;
  };

  return {
    async run(job, control) {
      ({ signal } = control);
      const graph = readGraph(job.prompt);
      const keys = await computeCacheKeys(graph, (node) =>
        fingerprint({ node, definition: definitionOf(node), prompt: job.prompt, dirs }),
      );
      cache.usePrompt(keys);
      control.emit({ type: 'cached', nodes: [...graph.keys()].filter(cache.isCached) });
      return await runAll({ ...control, job, graph, definitionOf, dirs, cache, time, executed: [], hasServed: false });
    },
    free({ results }) {
      if (results) cache.clear();
      time.unloadModels();
    },
  };
}

interface Fingerprinted {
  node: GraphNode;
  definition: NodeDefinition;
  prompt: JsonObject;
  dirs: NodeDirectories;
}

async function fingerprint({ node, definition, prompt, dirs }: Fingerprinted): Promise<string> {
  if (!definition.fingerprint) return '';
  // A file that cannot be read gives NaN in python: never equal, so the node always runs, and fails there.
  const text = await definition.fingerprint(constantsOf(node, definition), dirs).catch(() => undefined);
  // ComfyUI leaves the answer in the graph, so it shows up in the PNG's prompt chunk.
  const entry = prompt[node.id];
  if (isJsonObject(entry)) entry['is_changed'] = text === undefined ? new LosslessNumber('NaN') : [text];
  return text ?? `unknown ${Math.random()}`;
}

async function runAll(run: Run): Promise<ExecutionEnd> {
  const { graph, cache } = run;
  const isOutput = (nodeId: string) => run.definitionOf(requireNode(graph, nodeId)).info.output_node === true;
  const list = createExecutionList({ graph, isCached: cache.isCached, isOutput });
  for (const nodeId of run.job.outputs) list.addOutput(nodeId);
  while (!list.isEmpty()) {
    const nodeId = list.pick();
    if (nodeId === undefined) return cycleEnd(run, list.left());
    const end = await runNode(run, requireNode(graph, nodeId));
    if (end) return end;
    list.complete(nodeId);
  }
  return { kind: 'success', outputs: cache.uiOutputs() };
}

// Validation refuses the cycles it can see; this one went through inputs that it does not look at.
function cycleEnd({ graph, job, executed, cache }: Run, left: string[]): ExecutionEnd {
  const node = requireNode(graph, left[0] ?? '');
  const error = new PythonError('graph.DependencyCycleError', 'Dependency cycle detected');
  const failure = describeFailure(error, { node, inputs: {}, executed, prompt: job.prompt });
  const shown = { ...failure, exceptionMessage: error.message, traceback: [] };
  return { kind: 'error', outputs: cache.uiOutputs(), failure: shown };
}
