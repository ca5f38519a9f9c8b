import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyExecutionError } from './execution-error.ts';
import { decodeHistoryEntry, type HistoryEntry } from './history.ts';
import { type JsonValue, parseJson } from './json.ts';

const recorded = parseJson(readFileSync(new URL('../fixtures/history-entries.json', import.meta.url), 'utf8'));

function entry(name: string): HistoryEntry {
  const decoded = decodeHistoryEntry((recorded as Record<string, JsonValue>)[name]);
  if (!decoded) throw new Error(`no entry ${name}`);
  return decoded;
}

function entryOf(messages: JsonValue, status: Record<string, JsonValue> = {}): HistoryEntry | undefined {
  return decodeHistoryEntry({ status: { ...status, messages } });
}

describe('a history entry', () => {
  test('of a successful prompt gives its outputs', () => {
    expect(entry('p1_success').terminal.kind).toBe('success');
    expect(entry('p1_success').outputs.get('2')).toEqual({
      images: [{ filename: 'p_00001_.png', subfolder: 'rig', type: 'output' }],
    });
  });

  test('of a failed prompt gives what failed, and the outputs before it', () => {
    const { terminal, outputs } = entry('p5_error');
    expect(terminal).toMatchObject({
      kind: 'error',
      error: { nodeId: '5', exceptionType: 'ValueError', exceptionMessage: 'rig failure' },
    });
    expect([...outputs.keys()]).toEqual(['4']);
  });

  test('of an exhausted GPU is told from other errors', () => {
    const { terminal } = entry('p6_oom');
    expect(terminal.kind === 'error' && classifyExecutionError(terminal.error)).toBe('out_of_memory');
  });

  test('of an interrupted prompt says so', () => {
    expect(entry('p7_interrupted').terminal).toMatchObject({ kind: 'interrupted', nodeId: '3' });
  });

  test('is judged by its last message, whatever status_str says', () => {
    const messages = [
      ['execution_start', {}],
      ['execution_error', { exception_type: 'graph.DependencyCycleError' }],
    ];
    expect(entryOf(messages, { status_str: 'success', completed: true })?.terminal.kind).toBe('error');
  });

  test('with a blocker’s notice at its end is judged by the message before', () => {
    const messages = [
      ['execution_success', {}],
      ['execution_error', { exception_type: 'ExecutionBlocked' }],
    ];
    expect(entryOf(messages)?.terminal.kind).toBe('success');
  });

  test('without a verdict is unknown, not a success', () => {
    expect(entryOf([['execution_start', {}]], { status_str: 'success', completed: true })?.terminal).toEqual({
      kind: 'unknown',
      data: {},
      lastType: 'execution_start',
    });
    expect(decodeHistoryEntry({})?.terminal.kind).toBe('unknown');
  });

  test('that is no object is none', () => {
    for (const value of [null, [], 'x', 3, undefined]) expect(decodeHistoryEntry(value)).toBeUndefined();
  });

  test('of any shape never throws', () => {
    const shaped = fc.record({ status: fc.record({ messages: fc.jsonValue() }), outputs: fc.jsonValue() });
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), shaped), (value) => {
        decodeHistoryEntry(value as JsonValue);
      }),
    );
  });
});

describe('the class of an execution error', () => {
  const cases: [string, string, string][] = [
    ['torch.OutOfMemoryError', 'CUDA out of memory.', 'out_of_memory'],
    ['torch.cuda.OutOfMemoryError', '', 'out_of_memory'],
    ['RuntimeError', 'Allocation on device 0 would exceed allowed memory', 'out_of_memory'],
    ['RuntimeError', 'HIP error: out of memory', 'out_of_memory'],
    ['torch.AcceleratorError', 'CUDA error: out of memory', 'out_of_memory'],
    ['RuntimeError', 'CUDA error: an illegal memory access was encountered', 'broken_device'],
    ['RuntimeError', 'CUDA error: device-side assert triggered', 'broken_device'],
    ['RuntimeError', 'HIP error: invalid device function', 'broken_device'],
    ['ValueError', 'memory', 'ordinary'],
  ];
  test.each(cases)('%s: %s → %s', (exceptionType, exceptionMessage, expected) => {
    const rest = { nodeId: '1', nodeType: 'X', traceback: [], executed: [], currentInputs: {}, timestampMs: 1 };
    expect(classifyExecutionError({ exceptionType, exceptionMessage, ...rest })).toBe(expected);
  });
});
