// Frames as a real ComfyUI sent them, and what they come to.
import { describe, expect, test } from 'vitest';
import { type RunProgress, viewProgress } from '../requests/run-progress.pure.ts';
import { type ProgressFrame, startProgress, takeFrame, takeNodeStates } from './progress.pure.ts';

const CLASSES: Record<string, string> = { '1': 'EmptyImage', '3': 'RigSteps', '2': 'SaveImage', '4': 'PreviewAny' };

/** Node 1, three steps of node 3, then the two outputs. */
const RECORDED: ProgressFrame[] = [
  { type: 'execution_cached', nodes: [] },
  { type: 'executing', displayNodeId: '1' },
  { type: 'executing', displayNodeId: '3' },
  { type: 'progress', nodeId: '3', value: 1, max: 3 },
  { type: 'progress', nodeId: '3', value: 2, max: 3 },
  { type: 'progress', nodeId: '3', value: 3, max: 3 },
  { type: 'executing', displayNodeId: '2' },
  { type: 'executed', displayNodeId: '2' },
  { type: 'executing', displayNodeId: '4' },
  { type: 'executed', displayNodeId: '4' },
  { type: 'execution_success' },
];

const start = (attempt = 1): RunProgress =>
  startProgress({ attempt, nodesTotal: 4, classOf: (nodeId) => CLASSES[nodeId] });

function play(frames: readonly ProgressFrame[], progress = start()): RunProgress {
  for (const [at, frame] of frames.entries()) takeFrame(progress, frame, at * 10);
  return progress;
}

describe('the progress of a run', () => {
  test('counts nodes and steps, and never falls', () => {
    const progress = start();
    const values = RECORDED.map((frame, at) => {
      takeFrame(progress, frame, at);
      return viewProgress(progress).value;
    });
    expect(values).toEqual([0, 0, 0.25, 0.3333, 0.4167, 0.5, 0.5, 0.75, 0.75, 1, 1]);
  });

  test('names the node that runs, its class and its step', () => {
    expect(viewProgress(play(RECORDED.slice(0, 5)))).toEqual({
      value: 0.4167,
      nodes_done: 1,
      nodes_total: 4,
      current_node: '3',
      current_node_class: 'RigSteps',
      step: 2,
      steps: 3,
      message: 'RigSteps (node 3): step 2 of 3',
    });
    expect(viewProgress(play(RECORDED.slice(0, 2))).message).toBe('EmptyImage (node 1) runs');
  });

  test('is whole at the end, whatever was never needed', () => {
    const frames: ProgressFrame[] = [{ type: 'executing', displayNodeId: '1' }, { type: 'execution_success' }];
    expect(viewProgress(play(frames))).toEqual({
      value: 1,
      nodes_done: 4,
      nodes_total: 4,
      message: 'every node is done; the files are being stored',
    });
  });

  test('counts cached nodes as done, also when they show again what they showed', () => {
    const frames: ProgressFrame[] = [
      { type: 'execution_cached', nodes: ['1', '3', '2'] },
      { type: 'executed', displayNodeId: '2' },
      { type: 'executed', displayNodeId: '4' },
    ];
    const progress = play(frames);
    expect(viewProgress(progress)).toMatchObject({ nodes_done: 4, value: 1 });
    expect([...progress.nodes.values()].map(({ isCached }) => isCached)).toEqual([true, true, true, true]);
  });

  test('keeps when each node began and ended', () => {
    expect(Object.fromEntries(play(RECORDED).nodes)).toEqual({
      '1': { startedAt: 10, endedAt: 20, isCached: false },
      '3': { startedAt: 20, endedAt: 60, isCached: false },
      '2': { startedAt: 60, endedAt: 70, isCached: false },
      '4': { startedAt: 80, endedAt: 90, isCached: false },
    });
  });

  test('gives the steps of nodes that a node expanded to, to that node', () => {
    const progress = play([
      { type: 'executing', displayNodeId: '3' },
      { type: 'progress', nodeId: '3.0.0.7', value: 5, max: 10 },
    ]);
    expect(viewProgress(progress)).toMatchObject({ current_node: '3', step: 5, steps: 10, nodes_done: 0 });
    takeFrame(progress, { type: 'executing', displayNodeId: '3.0.0.8' }, 1);
    expect(viewProgress(progress)).toMatchObject({ current_node: '3', nodes_done: 0 });
  });

  test('says in which attempt it is, and starts from nothing', () => {
    expect(viewProgress(start(2))).toEqual({
      value: 0,
      nodes_done: 0,
      nodes_total: 4,
      message: 'Attempt 2: the graph has not begun',
    });
  });

  test('takes the node map for those who look', () => {
    const progress = play([{ type: 'executing', displayNodeId: '3' }]);
    const states = [
      { displayNodeId: '1', value: 1, max: 1, state: 'finished' },
      { displayNodeId: '3', value: 4, max: 8, state: 'running' },
    ];
    takeNodeStates(progress, states, 5);
    expect(viewProgress(progress)).toMatchObject({ nodes_done: 1, step: 4, steps: 8, value: 0.375 });
    takeNodeStates(progress, [{ displayNodeId: '3', value: 0, max: 1, state: 'running' }], 6);
    expect(viewProgress(progress).value).toBe(0.375);
  });
});
