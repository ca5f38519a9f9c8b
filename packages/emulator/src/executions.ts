// What was really executed since the start: GET /emulator/executions, for checkers outside that compare it with what a
// gateway claims. Optionally also appended to a file, which survives a crash and has the graphs, and the faults that
// struck a prompt. Written by the runner, and by prompt-routes.ts for what befalls a prompt before it runs.
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { type JsonValue, LosslessNumber } from '@comfleet/comfyui';
import { dumpString, dumps } from './python/dumps.pure.ts';

const MAX_KEPT = 100_000;

export interface Execution {
  prompt_id: string;
  started_at: number;
  ended_at: number | null;
  outcome: 'running' | 'success' | 'error' | 'interrupted' | 'died';
  graph_hash: string;
}

export interface Executions {
  start(promptId: string, prompt: JsonValue): Execution;
  end(execution: Execution, outcome: Execution['outcome']): void;
  /** A fault that really struck, in the file only: it is written before the process may go down. */
  strike(fault: string, promptId: string, how?: string): void;
  list(): Execution[];
}

interface ExecutionsDeps {
  now(): number;
  file?: string | undefined;
}

export function createExecutions({ now, file }: ExecutionsDeps): Executions {
  let kept: Execution[] = [];
  const append = (line: object) => {
    if (file !== undefined) appendFileSync(file, `${dumps(line)}\n`);
  };

  return {
    start(promptId, prompt) {
      const execution: Execution = {
        prompt_id: promptId,
        started_at: now(),
        ended_at: null,
        outcome: 'running',
        graph_hash: hashGraph(prompt),
      };
      // Dropped in bulk: shifting a long array at every prompt would cost more than the prompt.
      if (kept.length >= MAX_KEPT * 1.1) kept = kept.slice(-MAX_KEPT);
      kept.push(execution);
      append({ ...execution, prompt });
      return execution;
    },
    end(execution, outcome) {
      execution.ended_at = now();
      execution.outcome = outcome;
      append(execution);
    },
    strike(fault, promptId, how) {
      append({ fault, prompt_id: promptId, at: now(), ...(how === undefined ? {} : { how }) });
    },
    list: () => kept.slice(-MAX_KEPT),
  };
}

/** sha256 of the graph as python's json.dumps(graph, sort_keys=True) would write it. */
export function hashGraph(prompt: JsonValue): string {
  return createHash('sha256').update(dumpSorted(prompt)).digest('hex');
}

function dumpSorted(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(dumpSorted).join(', ')}]`;
  if (typeof value !== 'object' || value === null || value instanceof LosslessNumber) return dumps(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${dumpString(key)}: ${dumpSorted(item)}`).join(', ')}}`;
}
