// One node of a running prompt: served from the cache, or run with its inputs and its result cached. Misbehaviours that
// strike at a node strike here. Called by run-graph.ts in the order of its execution list.
import type { JsonValue } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';
import type { NodeContext, NodeDefinition, NodeDirectories } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { repr } from '../python/text.pure.ts';
import { describeFailure, Interrupted, isOutOfMemory, outOfMemory } from './failure.ts';
import { type Graph, type GraphNode, WorkerDeath } from './graph.ts';
import type { NodeCache } from './node-cache.ts';
import { gatherInputs, requireNoStrangers } from './node-inputs.ts';
import type { ExecutionEnd, ExecutionEvent, Job, PreviewImage, UiOutput } from './protocol.ts';
import { saveRandomBytes } from './random-output.ts';
import type { ServiceTime } from './service-time.ts';

/** One prompt's run: what it needs, and what it has done so far. */
export interface Run {
  job: Job;
  graph: Graph;
  definitionOf(node: GraphNode): NodeDefinition;
  dirs: NodeDirectories;
  cache: NodeCache;
  time: ServiceTime;
  emit(event: ExecutionEvent): void;
  isInterrupted(): boolean;
  signal: AbortSignal;
  executed: string[];
  /** The service time was spent: it is spent once, at the first node that runs. */
  hasServed: boolean;
}

/** Undefined when the node succeeded and the run goes on. */
export async function runNode(run: Run, node: GraphNode): Promise<ExecutionEnd | undefined> {
  const { cache, emit } = run;
  if (cache.isCached(node.id)) {
    emit({ type: 'executed', nodeId: node.id, output: cache.get(node.id)?.ui ?? null });
    emit({ type: 'finished', nodeId: node.id, isCached: true });
    return undefined;
  }
  const inputs: Record<string, unknown> = {};
  try {
    emit({ type: 'started', nodeId: node.id });
    Object.assign(inputs, gatherInputs(node, { definition: run.definitionOf(node), cache }));
    await misbehave(run, node);
    const { outputs, ui } = await produce(run, node, inputs);
    const hasUi = ui !== undefined && Object.keys(ui).length > 0;
    cache.set(node.id, { outputs, ...(hasUi ? { ui } : {}) });
    if (hasUi) emit({ type: 'executed', nodeId: node.id, output: ui });
  } catch (error) {
    if (error instanceof WorkerDeath) throw error;
    return failedEnd(run, { node, inputs, error });
  }
  emit({ type: 'finished', nodeId: node.id, isCached: false });
  run.executed.push(node.id);
  return undefined;
}

async function misbehave(run: Run, node: GraphNode): Promise<void> {
  await crashIfAsked(run, node);
  if (!run.hasServed) {
    run.hasServed = true;
    await run.time.pass(run.job, (value, max, preview) => report(run, { nodeId: node.id, value, max, preview }));
  }
  checkInterrupt(run);
  const { outOfMemory: oom, nodeError } = run.job.behaviour;
  if (oom && isHere(oom, node)) throw outOfMemory();
  if (nodeError && isHere(nodeError, node)) {
    throw new PythonError(nodeError.type ?? 'RuntimeError', nodeError.message ?? 'a fault was asked for');
  }
}

const isHere = (fault: { node?: string }, node: GraphNode) => fault.node === undefined || fault.node === node.id;

async function crashIfAsked(run: Run, node: GraphNode): Promise<void> {
  const { crash } = run.job.behaviour;
  if (!crash || !isHere(crash, node)) return;
  const isSave = crash.at === 'save' && run.definitionOf(node).info.output_node === true;
  if (crash.at !== 'node' && !isSave) return;
  run.emit({ type: 'crash' });
  await new Promise(() => {}); // the process is going down
}

interface Produced {
  outputs: unknown[];
  ui: UiOutput | undefined;
}

async function produce(run: Run, node: GraphNode, inputs: Record<string, unknown>): Promise<Produced> {
  const definition = run.definitionOf(node);
  const { outputBytes } = run.job.behaviour;
  if (outputBytes && definition.info.output_node === true && 'filename_prefix' in inputs) {
    return { outputs: [], ui: await saveRandomBytes(outputBytes, { inputs, outputDir: run.dirs.outputDir }) };
  }
  requireNoStrangers(inputs, definition);
  const result = await definition.run(inputs, contextFor(run, node));
  return { outputs: result.outputs, ui: result.ui };
}

function contextFor(run: Run, node: GraphNode): NodeContext {
  let preview: Omit<PreviewImage, 'nodeId'> | undefined;
  const pnginfo = run.job.extraData['extra_pnginfo'];
  return {
    ...run.dirs,
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

/** The hidden inputs that a saving node is called with; they only matter to whoever reads an error's current_inputs. */
function hiddenInputs({ job, definitionOf }: Run, node: GraphNode): Record<string, unknown> {
  const hidden: Record<string, unknown> = {};
  for (const name of Object.keys(definitionOf(node).info.input?.hidden ?? {})) {
    if (name === 'prompt') hidden[name] = repr(job.prompt);
    if (name === 'extra_pnginfo') hidden[name] = shownPnginfo(job.extraData['extra_pnginfo']);
  }
  return hidden;
}

const shownPnginfo = (value: JsonValue | undefined) => (value === undefined ? null : repr(value));

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

function checkInterrupt(run: Run): void {
  if (run.isInterrupted()) throw new Interrupted();
}

interface FailedNode {
  node: GraphNode;
  inputs: Record<string, unknown>;
  error: unknown;
}

function failedEnd(run: Run, { node, inputs, error }: FailedNode): ExecutionEnd {
  const outputs = run.cache.uiOutputs();
  const { executed } = run;
  // A node that heeds the signal throws what the signal says.
  if (error instanceof Interrupted || (run.signal.aborted && error === run.signal.reason)) {
    return { kind: 'interrupted', outputs, nodeId: node.id, nodeType: node.classType, executed };
  }
  if (isOutOfMemory(error)) run.time.unloadModels();
  const shownInputs = { ...inputs, ...hiddenInputs(run, node) };
  const failure = describeFailure(error, { node, inputs: shownInputs, executed, prompt: run.job.prompt });
  return { kind: 'error', outputs, failure };
}
