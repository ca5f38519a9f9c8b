// Pretends to run prompts: no node code, no thread, no disk, one constant picture per output node. For measuring what
// stands in front of ComfyUI (--null-exec). Created by emulator.ts.
import type { JsonObject } from '@comfleet/comfyui';
import { describeFailure, outOfMemory } from './execution/failure.ts';
import type { ExecutionEnd, ExecutionEvent, Executor, Job, UiOutput } from './execution/protocol.ts';
import { createServiceTime, type ServiceTime } from './execution/service-time.ts';
import { isJsonObject } from './json-object.pure.ts';
import { PythonError } from './python/errors.ts';

interface NullRun {
  job: Job;
  onEvent(event: ExecutionEvent): void;
  outputs: Record<string, UiOutput>;
}

class Stopped extends Error {}

export function createNullExecutor(): Executor {
  let counter = 0;
  let controller = new AbortController();
  const time: ServiceTime = createServiceTime({ sleep: (ms) => sleepUntilAborted(ms, controller.signal) });

  function checkStopped(): void {
    if (controller.signal.aborted) throw new Stopped();
  }

  async function serve(run: NullRun, nodeId: string): Promise<void> {
    const { job } = run;
    const report = (value: number, max: number, preview?: { format: 'jpeg' | 'png'; bytes: Uint8Array }) => {
      checkStopped();
      run.onEvent({ type: 'progress', nodeId, value, max, ...(preview ? { preview } : {}) });
    };
    if (job.behaviour.serviceMs || job.behaviour.loadMs) await time.pass(job, report);
    checkStopped();
    if (job.behaviour.outOfMemory) throw outOfMemory();
    const { nodeError } = job.behaviour;
    if (nodeError) {
      throw new PythonError(nodeError.type ?? 'RuntimeError', nodeError.message ?? 'a fault was asked for');
    }
  }

  async function runNode(run: NullRun, nodeId: string, isFirst: boolean): Promise<void> {
    const { onEvent, outputs, job } = run;
    onEvent({ type: 'started', nodeId });
    if (job.behaviour.crash?.at === 'node' || job.behaviour.crash?.at === 'save') {
      onEvent({ type: 'crash' });
      await new Promise(() => {}); // the process is going down
    }
    if (isFirst) await serve(run, nodeId);
    counter += 1;
    const output = pretendOutput(job.prompt[nodeId], counter);
    outputs[nodeId] = output;
    onEvent({ type: 'executed', nodeId, output });
    onEvent({ type: 'finished', nodeId, isCached: false });
  }

  function failedEnd(run: NullRun, nodeId: string, error: unknown): ExecutionEnd {
    const node = run.job.prompt[nodeId];
    const classType = isJsonObject(node) ? String(node['class_type']) : '';
    const executed = Object.keys(run.outputs);
    if (error instanceof Stopped) {
      return { kind: 'interrupted', outputs: run.outputs, nodeId, nodeType: classType, executed };
    }
    const failed = { node: { id: nodeId, classType, inputs: {} }, inputs: {}, executed, prompt: run.job.prompt };
    return { kind: 'error', outputs: run.outputs, failure: describeFailure(error, failed) };
  }

  return {
    async run(job, onEvent) {
      controller = new AbortController();
      const run: NullRun = { job, onEvent, outputs: {} };
      onEvent({ type: 'cached', nodes: [] });
      for (const [index, nodeId] of job.outputs.entries()) {
        try {
          await runNode(run, nodeId, index === 0);
        } catch (error) {
          return failedEnd(run, nodeId, error);
        }
      }
      return { kind: 'success', outputs: run.outputs };
    },
    interrupt: () => controller.abort(),
    free: () => time.unloadModels(),
    stop: () => Promise.resolve(),
  };
}

function pretendOutput(node: JsonObject[string] | undefined, number: number): UiOutput {
  const inputs = isJsonObject(node) ? node['inputs'] : undefined;
  const prefix = isJsonObject(inputs) ? inputs['filename_prefix'] : undefined;
  const path = typeof prefix === 'string' ? prefix : 'ComfyUI_temp';
  const cut = path.lastIndexOf('/');
  const filename = `${path.slice(cut + 1)}_${String(number).padStart(5, '0')}_.png`;
  const type = typeof prefix === 'string' ? 'output' : 'temp';
  return { images: [{ filename, subfolder: cut < 0 ? '' : path.slice(0, cut), type }] };
}

function sleepUntilAborted(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
