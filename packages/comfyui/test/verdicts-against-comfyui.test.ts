// Compares validateGraph with a real ComfyUI, error by error: COMFYUI_URL=http://127.0.0.1:8188 npx vitest run
// packages/comfyui/test. Nothing sent can be queued, so no worker is touched.

import { describe, expect, test } from 'vitest';
import type { Graph } from '../src/graph/parse.ts';
import { validateGraph } from '../src/graph/validate.ts';
import { type JsonValue, parseJson, stringifyJson } from '../src/json.ts';
import type { ObjectInfo } from '../src/object-info.ts';
import { createDoomedGraphs, createRandom, type DoomedGraphs } from './doomed-graphs.ts';

const url = process.env['COMFYUI_URL'];
const rounds = Number(process.env['VERDICT_ROUNDS'] ?? 2_000);
const firstSeed = Number(process.env['VERDICT_SEED'] ?? 1);

interface ServerError {
  type: string;
  extra_info?: { input_name?: string };
}

interface Answer {
  status: number;
  errors: { nodeId: string; type: string; name: string | undefined }[];
}

async function ask(base: string, graph: Graph): Promise<Answer> {
  const body = `{"prompt":${stringifyJson(graph as unknown as JsonValue)},"client_id":"verdicts"}`;
  const response = await fetch(`${base}/prompt`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  const answer = parseJson(await response.text()) as unknown as {
    node_errors?: Record<string, { errors: ServerError[] }>;
  };
  const errors = Object.entries(answer.node_errors ?? {}).flatMap(([nodeId, node]) =>
    node.errors.map(({ type, extra_info: extra }) => ({ nodeId, type, name: extra?.input_name })),
  );
  return { status: response.status, errors };
}

/** Every difference between what ComfyUI said and what we say about the same graph. */
function compare(graph: Graph, info: ObjectInfo, answer: Answer): string[] {
  const verdict = validateGraph(graph, info);
  const differences: string[] = [];
  const raised = new Set(answer.errors.filter(({ type }) => type.startsWith('exception_')).map(({ nodeId }) => nodeId));
  for (const { nodeId, type, name } of answer.errors) {
    const isSaid = verdict.problems.some((problem) => {
      if (problem.loc[0] !== nodeId) return false;
      // An exception ends ComfyUI's look at the node, so what we say of it may be another fault.
      return type.startsWith('exception_') || (problem.type === type && problem.loc[2] === name);
    });
    const isDoubted = verdict.doubts.some(
      ({ loc }) => loc[0] === nodeId && (loc[2] === name || loc.length === 1 || raised.has(nodeId)),
    );
    const isStricter = verdict.problems.some(
      ({ loc, type: ours }) => loc[0] === nodeId && loc[2] === name && ours === 'invalid_media',
    );
    if (!isSaid && !isDoubted && !isStricter) differences.push(`we pass ${nodeId}.${name}, ComfyUI: ${type}`);
  }
  for (const problem of verdict.problems) {
    const [nodeId, , name] = problem.loc;
    // Ours on purpose: wrapped links to nowhere, unsafe file names, numbers that are not finite.
    if (
      ['unknown_node', 'invalid_media', 'dependency_cycle'].includes(problem.type) ||
      / not a finite number/.test(problem.msg)
    )
      continue;
    // An exception ends ComfyUI's look at the node, and it never looks behind a link that it refused.
    if (raised.has(String(nodeId)) || !/^t\d$/.test(String(nodeId))) continue;
    const isSaid = answer.errors.some(
      (error) => error.nodeId === nodeId && error.type === problem.type && error.name === name,
    );
    if (!isSaid) differences.push(`we refuse ${String(nodeId)}.${String(name)} (${problem.type}), ComfyUI does not`);
  }
  return differences;
}

interface Counts {
  graphs: number;
  errors: number;
  queued: number;
  differences: string[];
}

async function runRound(
  base: string,
  seed: number,
  at: { info: ObjectInfo; graphs: DoomedGraphs; counts: Counts },
): Promise<void> {
  const { graph } = at.graphs.make(createRandom(seed));
  const answer = await ask(base, graph);
  at.counts.graphs++;
  at.counts.errors += answer.errors.length;
  if (answer.status === 200) at.counts.queued++;
  for (const difference of compare(graph, at.info, answer)) {
    const node = graph[/ (t\d)\./.exec(difference)?.[1] ?? ''];
    const shown = node === undefined ? '' : stringifyJson(node as unknown as JsonValue).slice(0, 400);
    at.counts.differences.push(`seed ${seed}: ${difference} ${shown}`);
  }
}

describe.runIf(url !== undefined)('our verdicts against a real ComfyUI', () => {
  test('agree on every error of every node', { timeout: 600_000 }, async () => {
    const base = url ?? '';
    const info = parseJson(await (await fetch(`${base}/object_info`)).text()) as unknown as ObjectInfo;
    const graphs = createDoomedGraphs(info);
    const counts: Counts = { graphs: 0, errors: 0, queued: 0, differences: [] };
    for (let round = 0; round < rounds; round++) await runRound(base, firstSeed + round, { info, graphs, counts });
    process.stdout.write(
      `${counts.graphs} graphs, ${counts.errors} errors, ${counts.differences.length} differences\n`,
    );
    expect(counts.differences.slice(0, 40)).toEqual([]);
    expect(counts.queued).toBe(0);
  });
});
