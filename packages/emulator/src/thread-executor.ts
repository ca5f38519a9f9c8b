// Runs prompts on a worker thread, so that image work never stalls HTTP and websockets. Created by emulator.ts.
// It stands beside worker.ts because both must be siblings in the sources and in the bundle.
import { Worker } from 'node:worker_threads';
import type { ExecutionEnd, ExecutionEvent, Executor } from './execution/protocol.ts';
import type { FromWorker, ToWorker, WorkerData } from './execution/thread-messages.ts';
import type { NodeDirectories } from './nodes/node.ts';
import { dumps } from './python/dumps.pure.ts';

interface Current {
  onEvent(event: ExecutionEvent): void;
  resolve(end: ExecutionEnd): void;
}

export function createThreadExecutor({ dirs }: { dirs: NodeDirectories }): Executor {
  const flag = new SharedArrayBuffer(4);
  const interruptFlag = new Int32Array(flag);
  let current: Current | undefined;

  let death: string | undefined;

  function die(reason: string): void {
    death ??= reason;
    current?.resolve({ kind: 'died', reason });
    current = undefined;
  }

  const { inputDir, outputDir, tempDir } = dirs;
  const worker = spawn({ dirs: { inputDir, outputDir, tempDir }, flag });
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'event') {
      current?.onEvent(message.event);
      return;
    }
    current?.resolve(message.end);
    current = undefined;
  });
  worker.on('error', (error) => die(String(error)));
  worker.on('exit', () => die('the worker thread ended'));
  const post = (message: ToWorker) => worker.postMessage(message);

  return {
    run({ prompt, extraData, ...job }, onEvent) {
      if (death !== undefined) return Promise.resolve({ kind: 'died', reason: death });
      Atomics.store(interruptFlag, 0, 0);
      return new Promise((resolve) => {
        current = { onEvent, resolve };
        post({ type: 'run', job, promptText: dumps(prompt), extraDataText: dumps(extraData) });
      });
    },
    interrupt() {
      Atomics.store(interruptFlag, 0, 1);
      post({ type: 'interrupt' });
    },
    free: (wish) => post({ type: 'free', wish }),
    async stop() {
      await worker.terminate();
    },
  };
}

function spawn(data: WorkerData): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./emulator-worker.js', import.meta.url), { workerData: data });
  }
  // From the sources: Node 20 does not pass its --import loaders on to a thread's entry, so the thread registers one.
  const entry = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
  const code = `import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${entry}); });`;
  return new Worker(code, { eval: true, workerData: data });
}
