// Runs an API graph through the node definitions alone, without queue or cache. For tests that look at node results.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { NODES } from '../index.ts';
import type { NodeContext, NodeInputs, NodeResult } from '../node.ts';

export type TestGraph = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

type Cleanup = () => Promise<void>;

/** A context whose folders are one temporary folder; `onDone` (vitest's onTestFinished, say) is given its removal. */
export async function createTestContext(
  onDone: (cleanup: Cleanup) => void,
  changes: Partial<NodeContext> = {},
): Promise<NodeContext> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'emulator-nodes-'));
  onDone(() => rm(root, { recursive: true, force: true }));
  return { ...bareContext, inputDir: root, outputDir: root, tempDir: root, ...changes };
}

const bareContext: NodeContext = {
  nodeId: '1',
  promptId: 'test',
  inputDir: '/nowhere',
  outputDir: '/nowhere',
  tempDir: '/nowhere',
  prompt: {},
  progress: () => {},
  signal: new AbortController().signal,
};

export async function runNode(
  classType: string,
  inputs: NodeInputs,
  context: NodeContext = bareContext,
): Promise<NodeResult> {
  const node = NODES.get(classType);
  if (!node) throw new Error(`no such node: ${classType}`);
  return await node.run(inputs, context);
}

/** The results of every node, by id. */
export async function runGraph(graph: TestGraph, context: NodeContext): Promise<Map<string, NodeResult>> {
  const results = new Map<string, NodeResult>();
  const runOne = async (nodeId: string): Promise<NodeResult> => {
    const known = results.get(nodeId);
    if (known) return known;
    const node = graph[nodeId];
    if (!node) throw new Error(`no such node id: ${nodeId}`);
    const inputs: NodeInputs = {};
    for (const [name, value] of Object.entries(node.inputs)) {
      inputs[name] = Array.isArray(value) ? (await runOne(String(value[0]))).outputs[Number(value[1])] : value;
    }
    const result = await runNode(node.class_type, inputs, { ...context, nodeId, prompt: graph });
    results.set(nodeId, result);
    return result;
  };
  for (const nodeId of Object.keys(graph)) await runOne(nodeId);
  return results;
}
