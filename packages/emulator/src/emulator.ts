// Builds the emulator: every part is created here and stopped in the reverse order. Used by main.ts, by tests, and by
// whoever wants a ComfyUI look-alike inside the own process.
import type { AddressInfo } from 'node:net';
import type { ObjectInfo } from '@comfleet/comfyui';
import { directoriesBelow, prepareDirectories } from './directories.ts';
import { ensureExampleImage } from './example-image.ts';
import { randomPicture } from './execution/random-output.ts';
import { createExecutions, type Execution } from './executions.ts';
import { createFaultControl, type FaultControl } from './faults/fault-control.ts';
import { statusFrame } from './frames.ts';
import { emulatorRoutes } from './http/emulator-routes.ts';
import { createHttpServer } from './http/http-server.ts';
import { infoRoutes } from './http/info-routes.ts';
import { promptRoutes } from './http/prompt-routes.ts';
import { queueRoutes } from './http/queue-routes.ts';
import { uploadRoutes } from './http/upload-routes.ts';
import { pretendedPicture, viewRoutes } from './http/view-routes.ts';
import { loadNodeClasses, type NodeClasses } from './node-classes.ts';
import { createNullExecutor } from './null-executor.ts';
import { createHistory } from './queue/history.ts';
import { createPromptQueue } from './queue/prompt-queue.ts';
import { type Crash, createRunner, type Runner } from './runner.ts';
import { createSockets, type Sockets } from './sockets.ts';
import { createThreadExecutor } from './thread-executor.ts';

export interface EmulatorOptions {
  /** Holds input/, output/, temp/ and models/. */
  baseDir: string;
  /** 0 takes a free port. */
  port?: number;
  host?: string;
  faults?: unknown;
  /** Runs no nodes: constant outputs, no disk. */
  nullExec?: boolean;
  /** Classes that validation and /object_info know besides those that run. */
  extraObjectInfo?: ObjectInfo;
  /** One JSON line per start and end of a prompt: outlives a crash. */
  executionsFile?: string;
  /** What a crash fault does; by default the server stops at once, without answering anybody. */
  onCrash?(how: Crash): void;
  /** How many websocket clients there are now. */
  onSockets?(count: number): void;
}

export interface Emulator {
  start(): Promise<{ port: number }>;
  stop(): Promise<void>;
  faults: FaultControl;
  executions(): Execution[];
}

export function createEmulator(options: EmulatorOptions): Emulator {
  const { host = '127.0.0.1', port = 0, nullExec = false } = options;
  const dirs = directoriesBelow(options.baseDir);
  const faults = createFaultControl();
  const problem = options.faults === undefined ? undefined : faults.merge(options.faults);
  if (problem !== undefined) throw new Error(`faults: ${problem}`);
  const executor = nullExec ? createNullExecutor() : createThreadExecutor({ dirs });
  const executions = createExecutions({ now: Date.now, file: options.executionsFile });
  const history = createHistory();
  const queue = createPromptQueue({ onChange: () => sockets.send(statusFrame(queue.remaining()), undefined) });
  const sockets: Sockets = createSockets({
    faults,
    queueRemaining: () => queue.remaining(),
    runningNode: (clientId) => runner.runningNode(clientId),
    onCountChange: () => options.onSockets?.(sockets.count()),
  });
  const crash = (how: Crash): void => (options.onCrash ? options.onCrash(how) : abandon());
  const runner: Runner = createRunner({ queue, history, sockets, executor, faults, executions, now: Date.now, crash });
  let loading: Promise<NodeClasses> | undefined;
  const nodeClasses = () => {
    loading ??= loadNodeClasses({ dirs, extra: options.extraObjectInfo ?? {} });
    return loading;
  };
  const server = createHttpServer({
    faults,
    sockets,
    routes: [
      ...promptRoutes({ queue, faults, nodeClasses, crash }),
      ...queueRoutes({ queue, history, runner, executor }),
      ...infoRoutes({ dirs, nodeClasses, argv: [] }),
      ...viewRoutes({ dirs, faults, ...(nullExec ? { pretended: () => pretend(faults) } : {}) }),
      ...uploadRoutes({ dirs }),
      ...emulatorRoutes({ faults, executions }),
    ],
  });

  function abandon(): void {
    server.close();
    server.closeAllConnections();
    sockets.closeAll();
  }

  return {
    faults,
    executions: () => executions.list(),
    async start() {
      const slowStart = faults.take('startMs');
      if (slowStart) await new Promise((resolve) => setTimeout(resolve, slowStart.ms));
      await prepareDirectories(dirs);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve());
      });
      runner.start();
      void nodeClasses();
      await ensureExampleImage(dirs.inputDir);
      return { port: (server.address() as AddressInfo).port };
    },
    async stop() {
      abandon();
      await executor.stop();
    },
  };
}

function pretend(faults: FaultControl): Buffer {
  const size = faults.current().outputBytes;
  return size ? randomPicture(size.bytes, size.seed ?? 0) : pretendedPicture();
}
