// Whole verdicts against a real ComfyUI, whose worker then really runs what it accepted: COMFYUI_URL=http://127.0.0.1:8188
// npx vitest run packages/comfyui/test. Graphs are tiny, one input is odd, and what would kill the worker is not sent.

import { describe, expect, test } from 'vitest';
import { compileGraph } from '../src/graph/compile.ts';
import { applyOverrides } from '../src/graph/overrides.ts';
import type { Graph } from '../src/graph/parse.ts';
import { type JsonValue, parseJson, stringifyJson } from '../src/json.ts';
import { findNodeInfo, listInputs, type ObjectInfo } from '../src/object-info.ts';
import { makeImageGraph } from '../testing/fixture-info.ts';
import { createRandom, fitValue, oddValue, pick, type Random } from './doomed-graphs.ts';

const url = process.env['COMFYUI_URL'];
const rounds = Number(process.env['SMALL_ROUNDS'] ?? 500);
const firstSeed = Number(process.env['VERDICT_SEED'] ?? 1);

// Refused by a rule of ours, where ComfyUI accepts and may lose its worker thread.
const STRICTER = new Set(['unknown_node', 'invalid_media', 'dependency_cycle', 'deep_chain', 'linked_input']);

async function post(base: string, graphText: string): Promise<{ status: number; hasNodeErrors: boolean }> {
  const body = `{"prompt":${graphText},"client_id":"verdicts"}`;
  const response = await fetch(`${base}/prompt`, { method: 'POST', body });
  const answer = parseJson(await response.text()) as { node_errors?: Record<string, JsonValue> };
  return { status: response.status, hasNodeErrors: Object.keys(answer.node_errors ?? {}).length > 0 };
}

async function untilIdle(base: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const answer = (await (await fetch(`${base}/prompt`)).json()) as { exec_info: { queue_remaining: number } };
    if (answer.exec_info.queue_remaining === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('ComfyUI does not finish what it accepted: its worker thread is dead');
}

function makeOverride(random: Random, graph: Graph, info: ObjectInfo): JsonValue {
  const nodeId = pick(random, Object.keys(graph));
  const node = graph[nodeId];
  const nodeInfo = node === undefined ? undefined : findNodeInfo(info, node.class_type);
  // Thousands of images would take minutes to save.
  const specs = listInputs(nodeInfo ?? {}).filter(({ name }) => name !== 'batch_size');
  const spec = pick(random, specs);
  const value = random() < 0.3 ? fitValue(random, spec) : oddValue(random, spec);
  const isOldLeaf = Array.isArray(value) && value[0] === 'leaf';
  return { [nodeId]: { inputs: { [spec.name]: isOldLeaf ? [pick(random, ['1', '3']), value[1] ?? 0] : value } } };
}

/** A difference, or what both said. */
async function judgeBoth(
  base: string,
  seed: number,
  info: ObjectInfo,
): Promise<{ agreed?: string; difference?: string }> {
  const random = createRandom(seed);
  const graph = makeImageGraph();
  graph['5'] = { class_type: 'PreviewImage', inputs: { images: ['4', 0] } };
  const overrides = makeOverride(random, graph, info);
  const prepared = compileGraph(graph, info).prepare(overrides);
  const said = `seed ${seed} ${stringifyJson(overrides).slice(0, 200)}`;
  if (!('problems' in prepared)) {
    const { status, hasNodeErrors } = await post(base, prepared.toBody());
    if (prepared.verdict === 'ask') return { agreed: `ask-${status}` };
    return status === 200 && !hasNodeErrors
      ? { agreed: 'pass' }
      : { difference: `${said}: we pass, ComfyUI says ${status}` };
  }
  const merged = applyOverrides(graph, overrides, info);
  const isOurs = prepared.problems.some(({ type, msg }) => STRICTER.has(type) || msg.includes('not a finite number'));
  if ('problems' in merged || isOurs) return { agreed: 'stricter, not sent' };
  const { status, hasNodeErrors } = await post(base, stringifyJson(merged.graph as unknown as JsonValue));
  if (status === 400 || hasNodeErrors) return { agreed: 'refuse' };
  return { difference: `${said}: we refuse (${prepared.problems[0]?.type}), ComfyUI says ${status}` };
}

describe.runIf(url !== undefined)('our whole verdicts against a real ComfyUI', () => {
  test('agree, and its worker lives through all that we let pass', { timeout: 600_000 }, async () => {
    const base = url ?? '';
    const info = parseJson(await (await fetch(`${base}/object_info`)).text()) as unknown as ObjectInfo;
    const counts: Record<string, number> = {};
    const differences: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const { agreed, difference } = await judgeBoth(base, firstSeed + round, info);
      if (agreed !== undefined) counts[agreed] = (counts[agreed] ?? 0) + 1;
      if (difference !== undefined) differences.push(difference);
      if (round % 10 === 9) await untilIdle(base);
    }
    await untilIdle(base);
    process.stdout.write(`${JSON.stringify(counts)}, ${differences.length} differences\n`);
    expect(differences).toEqual([]);
  });
});
