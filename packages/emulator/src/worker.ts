// The worker thread's entry: runs graphs one at a time as thread-executor.ts sends them, and keeps the node cache.
// Its code reports a worker that dies by exiting, as ComfyUI's thread does.
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type JsonObject, parseJson } from '@comfleet/comfyui';
import { WorkerDeath } from './execution/graph.ts';
import type { ExecutionEnd } from './execution/protocol.ts';
import { createGraphRunner } from './execution/run-graph.ts';
import type { FromWorker, ToWorker, WorkerData } from './execution/thread-messages.ts';
import { NODES } from './nodes/index.ts';

function startWorker(port: NonNullable<typeof parentPort>, { dirs, flag }: WorkerData): void {
  const interruptFlag = new Int32Array(flag);
  const runner = createGraphRunner({
    nodes: NODES,
    dirs,
    // Aborted sleeps end early; the interrupt flag then says why.
    sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
  });
  let controller = new AbortController();
  const post = (message: FromWorker) => port.postMessage(message);

  async function run(message: Extract<ToWorker, { type: 'run' }>): Promise<ExecutionEnd> {
    controller = new AbortController();
    const job = {
      ...message.job,
      prompt: parseJson(message.promptText) as JsonObject,
      extraData: parseJson(message.extraDataText) as JsonObject,
    };
    return await runner.run(job, {
      emit: (event) => post({ type: 'event', event }),
      isInterrupted: () => Atomics.load(interruptFlag, 0) !== 0,
      signal: controller.signal,
    });
  }

  port.on('message', (message: ToWorker) => {
    if (message.type === 'interrupt') controller.abort();
    if (message.type === 'free') runner.free(message.wish);
    if (message.type !== 'run') return;
    run(message).then(
      (end) => post({ type: 'end', end }),
      (error: unknown) => {
        post({ type: 'end', end: { kind: 'died', reason: String(error) } });
        if (!(error instanceof WorkerDeath)) throw error;
        port.close();
      },
    );
  });
}

if (parentPort) startWorker(parentPort, workerData as WorkerData);
