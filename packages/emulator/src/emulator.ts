// Builds the emulator: every part is created here and stopped in the reverse order. Used by main.ts, by tests, and by
// whoever wants a ComfyUI look-alike inside the own process.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ObjectInfo } from '@comfleet/comfyui';
import { type Directories, directoriesBelow, prepareDirectories } from './directories.ts';
import { ensureExampleImage } from './example-image.ts';
import type { Executor } from './execution/protocol.ts';
import { randomPicture } from './execution/random-output.ts';
import { createExecutions, type Execution, type Executions } from './executions.ts';
import { createFaultControl, type FaultControl } from './faults/fault-control.ts';
import { statusFrame } from './frames.ts';
import { emulatorRoutes } from './http/emulator-routes.ts';
import { createHttpServer } from './http/http-server.ts';
import { infoRoutes } from './http/info-routes.ts';
import { modelRoutes } from './http/model-routes.ts';
import { promptRoutes } from './http/prompt-routes.ts';
import { queueRoutes } from './http/queue-routes.ts';
import type { Route } from './http/router.ts';
import { uploadRoutes } from './http/upload-routes.ts';
import { viewRoutes } from './http/view-routes.ts';
import { loadNodeClasses, type NodeClasses } from './node-classes.ts';
import { createNullExecutor } from './null-executor.ts';
import { createHistory } from './queue/history.ts';
import { createPromptQueue } from './queue/prompt-queue.ts';
import { type Crash, createRunner, type Runner, type RunnerDeps } from './runner.ts';
import { createSockets, type Sockets } from './sockets.ts';
import { createThreadExecutor } from './thread-executor.ts';
import { TINY_PNG } from './tiny-images.ts';

export interface EmulatorOptions {
  /** Holds input/, output/, temp/ and models/. */
  baseDir: string;
  /** 0 takes a free port. */
  port?: number;
  host?: string;
  /** As for POST /emulator/faults. */
  faults?: unknown;
  /** Runs no nodes: constant outputs, no disk. */
  nullExec?: boolean;
  /** Does not say where its folders are, as one on another machine: whoever wants a file has to ask for it. */
  hidesFolders?: boolean;
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

interface Parts extends RunnerDeps {
  options: EmulatorOptions;
  dirs: Directories;
  runner: Runner;
  nodeClasses(): Promise<NodeClasses>;
}

export function createEmulator(options: EmulatorOptions): Emulator {
  const { host = '127.0.0.1', port = 0 } = options;
  const faults = createFaultControl();
  const problem = options.faults === undefined ? undefined : faults.merge(options.faults);
  if (problem !== undefined) throw new Error(`faults: ${problem}`);
  const executions = createExecutions({ now: Date.now, file: options.executionsFile });
  let stopNow = () => {};
  let stopExecutor = () => Promise.resolve();

  return {
    faults,
    executions: executions.list,
    async start() {
      const slowStart = faults.take('startMs');
      if (slowStart) await new Promise((resolve) => setTimeout(resolve, slowStart.ms));
      const dirs = directoriesBelow(options.baseDir);
      await prepareDirectories(dirs);
      await ensureExampleImage(dirs.inputDir);
      const executor = options.nullExec ? createNullExecutor() : createThreadExecutor({ dirs });
      stopExecutor = executor.stop;
      const parts = createParts({ options, faults, executions, executor, dirs, abandon: () => stopNow() });
      const server = createHttpServer({ faults, sockets: parts.sockets, routes: allRoutes(parts) });
      stopNow = () => abandon(server, parts.sockets);
      await listen(server, { port, host });
      parts.runner.start();
      return { port: (server.address() as AddressInfo).port };
    },
    async stop() {
      stopNow();
      await stopExecutor();
    },
  };
}

interface PartsDeps {
  options: EmulatorOptions;
  faults: FaultControl;
  executions: Executions;
  executor: Executor;
  dirs: Directories;
  abandon(): void;
}

function createParts({ options, faults, executions, executor, dirs, abandon: abandonAll }: PartsDeps): Parts {
  const queue = createPromptQueue({ onChange: () => sockets.send(statusFrame(queue.remaining()), undefined) });
  const sockets: Sockets = createSockets({
    faults,
    queueRemaining: () => queue.remaining(),
    runningNode: (clientId) => runner.runningNode(clientId),
    onCountChange: () => options.onSockets?.(sockets.count()),
  });
  const crash = (how: Crash) => {
    if (options.onCrash) options.onCrash(how);
    else abandonAll();
    return new Promise<never>(() => {});
  };
  const runnerDeps = { queue, history: createHistory(), sockets, executor, faults, executions, now: Date.now, crash };
  const runner: Runner = createRunner(runnerDeps);
  let loading: Promise<NodeClasses> | undefined;
  const nodeClasses = () => {
    loading ??= loadNodeClasses({ dirs, extra: options.extraObjectInfo ?? {} });
    return loading;
  };
  return { ...runnerDeps, options, dirs, runner, nodeClasses };
}

function allRoutes(parts: Parts): Route[] {
  const { options, faults } = parts;
  const pretended = options.nullExec ? { pretended: () => pretendedPicture(faults) } : {};
  return [
    ...promptRoutes(parts),
    ...queueRoutes(parts),
    ...infoRoutes(parts),
    ...modelRoutes({ dirs: parts.dirs, hidesFolders: parts.options.hidesFolders === true }),
    ...viewRoutes({ ...parts, ...pretended }),
    ...uploadRoutes(parts),
    ...emulatorRoutes(parts),
  ];
}

function pretendedPicture(faults: FaultControl): Buffer {
  const size = faults.current().outputBytes;
  return size ? randomPicture(size.bytes, size.seed ?? 0) : TINY_PNG;
}

function listen(server: Server, at: { port: number; host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => resolve());
  });
}

function abandon(server: Server, sockets: Sockets): void {
  server.emit('abandoned'); // a port that is shut for a while must stay shut
  server.close();
  server.closeAllConnections();
  sockets.closeAll();
}
