// ComfyUI's prompt worker: takes one prompt after the other from the queue, has it executed, writes history, and tells
// the end. Created by emulator.ts. When its executor dies it stops for good while HTTP goes on, as the real one does.
import { randomUUID } from 'node:crypto';
import type { ExecutionEnd, Executor, FreeWish } from './execution/protocol.ts';
import type { Execution, Executions } from './executions.ts';
import { falsify } from './faults/falsify.ts';
import type { FaultControl } from './faults/fault-control.ts';
import type { Faults } from './faults/faults.ts';
import type { History } from './queue/history.ts';
import type { PromptQueue, QueueItem } from './queue/prompt-queue.ts';
import { createRunReport, type RunReport } from './run-report.ts';
import type { Sockets } from './sockets.ts';

export type Crash = NonNullable<Faults['crash']>;
/** Never resolves: what comes after a crash does not happen. */
export type CrashNow = (how: Crash) => Promise<never>;

export interface Runner {
  start(): void;
  /** Told to a client that reconnects while its prompt runs. */
  runningNode(clientId: string): string | undefined;
  interrupt(promptId: string | undefined): void;
  /** Waits for the running prompt's end, as ComfyUI looks at these wishes between two prompts only. */
  free(wish: FreeWish): void;
}

export interface RunnerDeps {
  queue: PromptQueue;
  history: History;
  sockets: Sockets;
  executor: Executor;
  faults: FaultControl;
  executions: Executions;
  now(): number;
  crash: CrashNow;
}

interface Run {
  item: QueueItem;
  report: RunReport;
  clientId: string | undefined;
  execution: Execution;
}

type Ended = Exclude<ExecutionEnd, { kind: 'died' }>;

const NOTHING: FreeWish = { models: false, results: false };

export function createRunner(deps: RunnerDeps): Runner {
  const { queue, executor } = deps;
  let current: Run | undefined;
  let wished: FreeWish = NOTHING;

  function freeIfIdle(): void {
    if (queue.running().length > 0) return;
    if (wished.models) executor.free(wished);
    wished = NOTHING;
  }

  async function loop(): Promise<void> {
    for (;;) {
      const item = await queue.next();
      current = await open(deps, item);
      const end = await runPrompt(deps, current);
      if (end.kind === 'died') {
        process.stderr.write(`emulator: the prompt worker is dead: ${end.reason}\n`);
        deps.executions.end(current.execution, 'died');
        return; // and the prompt stays in queue_running for ever
      }
      await finish(deps, current, end);
      freeIfIdle();
    }
  }

  return {
    start() {
      // The queue cannot order two equal keys: python's worker thread ends there as well.
      loop().catch((error: unknown) => process.stderr.write(`emulator: the prompt worker is dead: ${error}\n`));
    },
    runningNode: (clientId) => (current?.clientId === clientId ? current.report.runningNode() : undefined),
    interrupt(promptId) {
      if (promptId !== undefined && !queue.running().some((item) => item.promptId === promptId)) return;
      executor.interrupt();
    },
    free({ models, results }) {
      wished = { models: wished.models || models, results: wished.results || results };
      freeIfIdle();
    },
  };
}

async function open({ sockets, now, executions, crash }: RunnerDeps, item: QueueItem): Promise<Run> {
  const clientId = item.extraData['client_id'] ?? undefined;
  // A session id that python cannot hash breaks the loop that publishes all messages: the process ends.
  if (typeof clientId === 'object') await crash({ at: 'start', exitCode: 1 });
  const isLying = item.behaviour.lie?.how;
  const report = createRunReport({
    sockets,
    now,
    promptId: isLying === 'otherPrompt' ? randomUUID() : item.promptId,
    clientId: clientId === undefined ? undefined : String(clientId),
    isSilentAboutOutputs: isLying === 'noOutputs',
  });
  const execution = executions.start(item.promptId, item.prompt);
  return { item, report, clientId: clientId === undefined ? undefined : String(clientId), execution };
}

async function runPrompt(deps: RunnerDeps, { item, report }: Run): Promise<ExecutionEnd> {
  const { executor, faults, executions } = deps;
  const { promptId, prompt, extraData, outputs, behaviour } = item;
  report.start();
  if (behaviour.crash?.at === 'start') await crashOn(deps, promptId, behaviour.crash);
  if (behaviour.hang?.where === 'worker') {
    executions.strike('hang', promptId);
    await hang(behaviour.hang.ms, faults);
  }
  if (behaviour.zombie) {
    executions.strike('zombie', promptId);
    return { kind: 'died', reason: 'it was asked to' };
  }
  return await executor.run({ promptId, prompt, extraData, outputs, behaviour }, (event) => {
    if (event.type === 'crash') void crashOn(deps, promptId, behaviour.crash ?? { at: 'node' });
    else report.event(event);
  });
}

function crashOn({ executions, crash }: RunnerDeps, promptId: string, how: Crash): Promise<never> {
  executions.strike('crash', promptId, how.at);
  return crash(how);
}

async function hang(ms: number | undefined, faults: FaultControl): Promise<void> {
  const over = ms === undefined ? [] : [new Promise<void>((resolve) => setTimeout(resolve, ms).unref())];
  await Promise.race([faults.cleared(), ...over]);
}

async function finish(deps: RunnerDeps, run: Run, end: Ended): Promise<void> {
  const { queue, history, executions } = deps;
  const { item, report, execution } = run;
  const { lie, crash: crashWish, forget } = item.behaviour;
  tellEnd(report, end);
  if (crashWish?.at === 'end') await crashOn(deps, item.promptId, crashWish);
  executions.end(execution, end.kind);
  if (lie) executions.strike('lie', item.promptId, lie.how);
  if (forget?.how === 'history') executions.strike('forget', item.promptId, 'history');
  const outputs = falsify(end.outputs, lie?.how);
  const isSuccess = end.kind === 'success';
  const { messages } = report;
  const status = { status_str: isSuccess ? 'success' : 'error', completed: isSuccess, messages } as const;
  if (forget?.how !== 'history') history.put(item, { outputs, status, meta: metaOf(Object.keys(outputs)) });
  queue.done(item);
  report.done();
  if (lie?.how === 'progressAfterEnd') report.lateProgress();
  if (lie?.how !== 'finishTwice') return;
  tellEnd(report, end);
  report.done();
}

function tellEnd(report: RunReport, end: Ended): void {
  if (end.kind === 'success') report.success();
  else if (end.kind === 'error') report.failure(end.failure);
  else report.interrupted(end);
}

function metaOf(nodeIds: string[]): Record<string, unknown> {
  const entryOf = (id: string) => ({ node_id: id, display_node: id, parent_node: null, real_node_id: id });
  return Object.fromEntries(nodeIds.map((id) => [id, entryOf(id)]));
}
