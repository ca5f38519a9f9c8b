// Runs one prompt's graph as ComfyUI's PromptExecutor does: cache keys, cached nodes, then node after node, reporting
// each step. Lives in the worker thread; worker.ts connects it to the server.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { LosslessNumber } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';
import type { NodeContext, NodeDefinition, NodeDirectories } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { computeCacheKeys } from './cache-keys.ts';
import { createExecutionList } from './execution-list.ts';
import { describeFailure, Interrupted, isOutOfMemory, outOfMemory } from './failure.ts';
import { type Graph, type GraphNode, readGraph, requireNode, WorkerDeath } from './graph.ts';
import { readLink } from './is-link.pure.ts';
import { createNodeCache, type NodeCache } from './node-cache.ts';
import type { ExecutionEnd, ExecutionEvent, Job, PreviewImage, UiOutput } from './protocol.ts';
import { saveRandomBytes } from './random-output.ts';
import { createServiceTime, type ServiceTime } from './service-time.ts';

export interface GraphRunner {
  run(job: Job, run: RunControl): Promise<ExecutionEnd>;
  free(): void;
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

/** One run's state; made anew for each prompt. */
interface Run extends RunControl {
  job: Job;
  graph: Graph;
  executed: string[];
  hasServed: boolean;
  time: ServiceTime;
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

  async function prepare(job: Job): Promise<Graph> {
    const graph = readGraph(job.prompt);
    const keys = await computeCacheKeys(graph, (node) => fingerprint(definitionOf(node), { node, prompt: job.prompt }));
    cache.usePrompt(keys);
    return graph;
  }

  async function fingerprint(definition: NodeDefinition, at: { node: GraphNode; prompt: JsonObject }): Promise<string> {
    if (!definition.fingerprint) return '';
    const { node, prompt } = at;
    // ComfyUI leaves the answer in the graph, so it shows up in the PNG's prompt chunk.
    const text = await definition.fingerprint(constantsOf(node, definition), dirs).catch(() => undefined);
    const entry = prompt[node.id];
    if (isJsonObject(entry)) entry['is_changed'] = text === undefined ? new LosslessNumber('NaN') : [text];
    return text ?? `unknown ${Math.random()}`; // NaN in python: never equal, always run
  }

  async function runAll(run: Run): Promise<ExecutionEnd> {
    const isOutput = (nodeId: string) => definitionOf(requireNode(run.graph, nodeId)).info.output_node === true;
    const list = createExecutionList({ graph: run.graph, isCached: cache.isCached, isOutput });
    for (const nodeId of run.job.outputs) list.addOutput(nodeId);
    while (!list.isEmpty()) {
      const nodeId = list.pick();
      const end =
        nodeId === undefined ? cycleEnd(run, list.left()) : await runNode(run, requireNode(run.graph, nodeId));
      if (end) return end;
      if (nodeId !== undefined) list.complete(nodeId);
    }
    return { kind: 'success', outputs: cache.uiOutputs() };
  }

  function cycleEnd(run: Run, left: string[]): ExecutionEnd {
    const node = requireNode(run.graph, left[0] ?? '');
    const error = new PythonError('graph.DependencyCycleError', 'Dependency cycle detected');
    const failure = describeFailure(error, { node, inputs: {}, executed: run.executed, prompt: run.job.prompt });
    return {
      kind: 'error',
      outputs: cache.uiOutputs(),
      failure: { ...failure, exceptionMessage: error.message, traceback: [] },
    };
  }

  /** Undefined when the node succeeded and the run goes on. */
  async function runNode(run: Run, node: GraphNode): Promise<ExecutionEnd | undefined> {
    if (cache.isCached(node.id)) {
      run.emit({ type: 'executed', nodeId: node.id, output: cache.get(node.id)?.ui ?? null });
      run.emit({ type: 'finished', nodeId: node.id, isCached: true });
      return undefined;
    }
    const inputs: Record<string, unknown> = {};
    try {
      run.emit({ type: 'started', nodeId: node.id });
      Object.assign(inputs, gatherInputs(node, { definition: definitionOf(node), cache }));
      await misbehave(run, node, definitionOf(node));
      const { outputs, ui } = await produce(run, node, inputs);
      const hasUi = ui !== undefined && Object.keys(ui).length > 0;
      cache.set(node.id, { outputs, ...(hasUi ? { ui } : {}) });
      if (hasUi) run.emit({ type: 'executed', nodeId: node.id, output: ui });
      run.emit({ type: 'finished', nodeId: node.id, isCached: false });
      run.executed.push(node.id);
      return undefined;
    } catch (error) {
      if (error instanceof WorkerDeath) throw error;
      return failedEnd(run, { node, inputs, error });
    }
  }

  function failedEnd(
    run: Run,
    failed: { node: GraphNode; inputs: Record<string, unknown>; error: unknown },
  ): ExecutionEnd {
    const { node, inputs, error } = failed;
    const outputs = cache.uiOutputs();
    const { executed } = run;
    if (error instanceof Interrupted || run.isInterrupted()) {
      return { kind: 'interrupted', outputs, nodeId: node.id, nodeType: node.classType, executed };
    }
    if (isOutOfMemory(error)) time.unloadModels();
    return {
      kind: 'error',
      outputs,
      failure: describeFailure(error, { node, inputs, executed, prompt: run.job.prompt }),
    };
  }

  async function misbehave(run: Run, node: GraphNode, definition: NodeDefinition): Promise<void> {
    const { crash, outOfMemory: oom, nodeError } = run.job.behaviour;
    const isHere = (wanted: string | undefined) => wanted === undefined || wanted === node.id;
    const isSave = crash?.at === 'save' && definition.info.output_node === true;
    if (crash && isHere(crash.node) && (crash.at === 'node' || isSave)) {
      run.emit({ type: 'crash' });
      await new Promise(() => {}); // the process is going down
    }
    if (!run.hasServed) {
      run.hasServed = true;
      await time.pass(run.job, (value, max, preview) => report(run, { nodeId: node.id, value, max, preview }));
    }
    checkInterrupt(run);
    if (oom && isHere(oom.node)) throw outOfMemory();
    if (nodeError && isHere(nodeError.node)) {
      throw new PythonError(nodeError.type ?? 'RuntimeError', nodeError.message ?? 'a fault was asked for');
    }
  }

  async function produce(run: Run, node: GraphNode, inputs: Record<string, unknown>) {
    const definition = definitionOf(node);
    const { outputBytes } = run.job.behaviour;
    if (outputBytes && definition.info.output_node === true && 'filename_prefix' in inputs) {
      return { outputs: [], ui: await saveRandomBytes(outputBytes, { inputs, outputDir: dirs.outputDir }) };
    }
    const result = await definition.run(inputs, contextFor(run, node));
    checkInterrupt(run);
    return { outputs: result.outputs, ui: result.ui as UiOutput | undefined };
  }

  function contextFor(run: Run, node: GraphNode): NodeContext {
    let preview: Omit<PreviewImage, 'nodeId'> | undefined;
    const pnginfo = run.job.extraData['extra_pnginfo'];
    return {
      ...dirs,
      nodeId: node.id,
      promptId: run.job.promptId,
      prompt: run.job.prompt,
      ...(isJsonObject(pnginfo) ? { extraPnginfo: pnginfo } : {}),
      signal: run.signal,
      // A picture travels with the next progress update, as ComfyUI's progress bar carries it.
      sendImage(png) {
        preview = { format: 'png', bytes: png };
      },
      progress(value, max) {
        report(run, { nodeId: node.id, value, max, preview });
        preview = undefined;
      },
    };
  }

  return {
    async run(job, control) {
      ({ signal } = control);
      const graph = await prepare(job);
      const cached = [...graph.keys()].filter(cache.isCached);
      control.emit({ type: 'cached', nodes: cached });
      return await runAll({ ...control, job, graph, executed: [], hasServed: false, time });
    },
    free() {
      cache.clear();
      time.unloadModels();
    },
  };
}

function checkInterrupt(run: Run): void {
  if (run.isInterrupted()) throw new Interrupted();
}

interface Progress {
  nodeId: string;
  value: number;
  max: number;
  preview: Omit<PreviewImage, 'nodeId'> | undefined;
}

function report(run: Run, { nodeId, value, max, preview }: Progress): void {
  checkInterrupt(run);
  run.emit({ type: 'progress', nodeId, value, max, ...(preview ? { preview } : {}) });
}

function gatherInputs(
  node: GraphNode,
  { definition, cache }: { definition: NodeDefinition; cache: NodeCache },
): Record<string, unknown> {
  const gathered: Record<string, unknown> = constantsOf(node, definition);
  for (const [name, value] of Object.entries(node.inputs)) {
    const link = readLink(value);
    if (!link) continue;
    if (!isDeclared(definition, name)) {
      throw new PythonError('TypeError', `${node.classType} got an unexpected keyword argument '${name}'`);
    }
    gathered[name] = cache.get(link[0])?.outputs?.at(link[1]);
  }
  return gathered;
}

/** Declared constants; unknown ones are not passed on. */
function constantsOf(node: GraphNode, definition: NodeDefinition): Record<string, unknown> {
  const constants: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node.inputs)) {
    if (!readLink(value) && isDeclared(definition, name)) constants[name] = plain(value);
  }
  return constants;
}

function isDeclared({ info }: NodeDefinition, name: string): boolean {
  return Object.hasOwn(info.input?.required ?? {}, name) || Object.hasOwn(info.input?.optional ?? {}, name);
}

const plain = (value: JsonValue): unknown => (value instanceof LosslessNumber ? value.valueOf() : value);
