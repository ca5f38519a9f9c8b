// How a graph is run: order, cache, interrupts, and what kills the worker.
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import type { NodeDefinition } from '../nodes/node.ts';
import { WorkerDeath } from './graph.ts';
import type { ExecutionEvent } from './protocol.ts';
import { createGraphRunner } from './run-graph.ts';

const dirs = { inputDir: '', outputDir: '', tempDir: '' };

/** Adds one to what it is linked to; its runs are counted by the value that came out. */
function countingNodes() {
  const runs: number[] = [];
  let fileText = 'first';
  const node = (classType: string, more: Partial<NodeDefinition> = {}): NodeDefinition => ({
    classType,
    info: { input: { required: { from: ['INT'], add: ['INT'] } }, output_node: classType === 'Show' },
    async run(inputs) {
      const sum = Number(inputs['from'] ?? 0) + Number(inputs['add'] ?? 0);
      runs.push(sum);
      return { outputs: [sum], ...(classType === 'Show' ? { ui: { text: [String(sum)] } } : {}) };
    },
    ...more,
  });
  const reader = node('Read', { fingerprint: () => Promise.resolve(fileText) });
  const nodes = new Map([node('Add'), node('Show'), reader].map((definition) => [definition.classType, definition]));
  return {
    runs,
    nodes,
    changeFile(text: string) {
      fileText = text;
    },
  };
}

const add = (from: JsonObject[string], amount: number, classType = 'Add') => ({
  class_type: classType,
  inputs: { from, add: amount },
});

interface RunOptions {
  outputs?: string[];
  isInterrupted?(): boolean;
}

function setUp() {
  const counting = countingNodes();
  const runner = createGraphRunner({ nodes: counting.nodes, dirs, sleep: () => Promise.resolve() });
  async function run(prompt: JsonObject, { outputs = ['out'], isInterrupted = () => false }: RunOptions = {}) {
    const events: ExecutionEvent[] = [];
    counting.runs.length = 0;
    const job = { promptId: 'p', prompt, extraData: {}, outputs, behaviour: {} };
    const control = {
      emit: (event: ExecutionEvent) => events.push(event),
      isInterrupted,
      signal: new AbortController().signal,
    };
    const end = await runner.run(job, control);
    const cached = events.find((event) => event.type === 'cached');
    return { end, runs: [...counting.runs], cached: cached?.type === 'cached' ? cached.nodes : [] };
  }
  return { ...counting, runner, run };
}

const chain = (amounts: number[]): JsonObject => ({
  a: add(0, amounts[0] ?? 0),
  b: add(['a', 0], amounts[1] ?? 0),
  out: add(['b', 0], amounts[2] ?? 0, 'Show'),
});

describe('a graph', () => {
  it('runs from the inputs to the outputs', async () => {
    const { run } = setUp();
    expect(await run(chain([1, 2, 3]))).toEqual({
      end: { kind: 'success', outputs: { out: { text: ['6'] } } },
      runs: [1, 3, 6],
      cached: [],
    });
  });

  it('runs an output as soon as it is ready, before other branches', async () => {
    const { run } = setUp();
    const prompt = { ...chain([1, 10, 100]), early: add(['a', 0], 1000, 'Show') };
    expect((await run(prompt, { outputs: ['out', 'early'] })).runs).toEqual([1, 1001, 11, 111]);
  });

  it('runs again only what changed and what depends on it', async () => {
    const { run } = setUp();
    await run(chain([1, 2, 3]));
    expect(await run(chain([1, 2, 3]))).toMatchObject({ runs: [], cached: ['a', 'b', 'out'] });
    expect(await run(chain([1, 5, 3]))).toMatchObject({ runs: [6, 9], cached: ['a'] });
  });

  it('remembers the last prompt only', async () => {
    const { run } = setUp();
    await run(chain([1, 2, 3]));
    await run(chain([7, 8, 9]));
    expect((await run(chain([1, 2, 3]))).runs).toEqual([1, 3, 6]);
  });

  it('shares results between nodes of any id with the same inputs', async () => {
    const { run } = setUp();
    await run(chain([1, 2, 3]));
    const renamed = { x: add(0, 1), y: add(['x', 0], 2), out: add(['y', 0], 4, 'Show') };
    expect(await run(renamed)).toMatchObject({ runs: [7], cached: ['x', 'y'] });
  });

  it('runs a node again when the file behind it changed', async () => {
    const { run, changeFile } = setUp();
    const prompt = (): JsonObject => ({ a: add(0, 1, 'Read'), out: add(['a', 0], 1, 'Show') });
    await run(prompt());
    expect((await run(prompt())).runs).toEqual([]);
    changeFile('second');
    expect((await run(prompt())).runs).toEqual([1, 2]);
  });

  it('runs everything again after its results were freed, but not after its models were', async () => {
    const { run, runner } = setUp();
    await run(chain([1, 2, 3]));
    runner.free({ models: true, results: false });
    expect((await run(chain([1, 2, 3]))).runs).toEqual([]);
    runner.free({ models: true, results: true });
    expect((await run(chain([1, 2, 3]))).runs).toEqual([1, 3, 6]);
  });

  it('stops before the next node when interrupted, and keeps what was done', async () => {
    const { run, runs } = setUp();
    const interrupted = await run(chain([1, 2, 3]), { isInterrupted: () => runs.length > 0 });
    expect(interrupted).toMatchObject({ end: { kind: 'interrupted', nodeId: 'b', executed: ['a'] }, runs: [1] });
    expect((await run(chain([1, 2, 3]))).cached).toEqual(['a']);
  });

  it('fails on a link into an input that the class does not have', async () => {
    const { run } = setUp();
    const prompt = { a: add(0, 1), out: { class_type: 'Show', inputs: { from: 1, add: 1, odd: ['a', 0] } } };
    expect((await run(prompt)).end).toMatchObject({
      kind: 'error',
      failure: { exceptionType: 'TypeError', nodeId: 'out' },
    });
  });
});

const good = { out: add(0, 1, 'Show') };

describe('a graph that kills the worker', () => {
  it.each([
    ['an unreachable node without inputs', { ...good, x: { class_type: 'Add' } }],
    ['a node whose inputs are a list', { ...good, x: { class_type: 'Add', inputs: [] } }],
    [
      'a dangling link in an unknown input',
      { out: { class_type: 'Show', inputs: { from: 1, add: 1, odd: ['77', 0] } } },
    ],
    ['a dangling link that was wrapped as a value', { out: add(['77', 0], 1, 'Show') }],
  ])('has %s', async (_what, prompt: JsonObject) => {
    await expect(setUp().run(prompt)).rejects.toBeInstanceOf(WorkerDeath);
  });

  it.each([
    ['a dangling link among unreachable nodes', { ...good, x: add(['77', 0], 1) }],
    ['a cycle among unreachable nodes', { ...good, x: add(['y', 0], 1), y: add(['x', 0], 1) }],
    [
      'a value that only looks like a link',
      { out: { class_type: 'Show', inputs: { from: 1, add: 1, odd: { a: ['77', 0] } } } },
    ],
  ])('does not have %s', async (_what, prompt: JsonObject) => {
    expect((await setUp().run(prompt)).end.kind).toBe('success');
  });

  it('ends a cycle that runs through an unknown input with an error, not with death', async () => {
    const prompt = {
      a: { class_type: 'Add', inputs: { from: 1, add: 1, odd: ['b', 0] } },
      b: add(['a', 0], 1),
      out: add(['b', 0], 1, 'Show'),
    };
    expect((await setUp().run(prompt)).end).toMatchObject({
      kind: 'error',
      failure: { exceptionType: 'graph.DependencyCycleError', exceptionMessage: 'Dependency cycle detected' },
    });
  });
});
