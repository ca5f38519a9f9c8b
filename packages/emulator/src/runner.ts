// ComfyUI's prompt worker: takes one prompt after the other from the queue, has it executed, writes history, and tells
// the end. Created by emulator.ts. When its executor dies it stops for good while HTTP goes on, as the real one does.
import { randomUUID } from 'node:crypto';
import type { ExecutionEnd, Executor, UiOutput } from './execution/protocol.ts';
import type { Execution, Executions } from './executions.ts';
import type { FaultControl } from './faults/fault-control.ts';
import type { Faults } from './faults/faults.ts';
import type { History } from './queue/history.ts';
import type { PromptQueue, QueueItem } from './queue/prompt-queue.ts';
import { createRunReport, type RunReport } from './run-report.ts';
import type { Sockets } from './sockets.ts';

export type Crash = NonNullable<Faults['crash']>;

export interface Runner {
  start(): void;
  /** Kept after a prompt's end, as the server keeps its last client: a reconnecting client is told the running node. */
  runningNode(clientId: string): string | undefined;
  interrupt(promptId: string | undefined): void;
}

interface RunnerDeps {
  queue: PromptQueue;
  history: History;
  sockets: Sockets;
  executor: Executor;
  faults: FaultControl;
  executions: Executions;
  now(): number;
  crash(how: Crash): void;
}

interface Run {
  item: QueueItem;
  report: RunReport;
  clientId: string | undefined;
  execution: Execution;
}

const forever = () => new Promise<never>(() => {});

export function createRunner(deps: RunnerDeps): Runner {
  const { queue, executor, executions, faults } = deps;
  let current: Run | undefined;

  function open(item: QueueItem): Run {
    const { lie } = item.behaviour;
    const clientId = readClientId(item);
    const report = createRunReport({
      sockets: deps.sockets,
      now: deps.now,
      promptId: lie?.how === 'otherPrompt' ? randomUUID() : item.promptId,
      clientId: typeof clientId === 'string' ? clientId : undefined,
      isSilentAboutOutputs: lie?.how === 'noOutputs',
    });
    // A session id that python cannot hash breaks the loop that publishes all messages: the process ends.
    if (clientId === 'unhashable') deps.crash({ at: 'start', exitCode: 1 });
    const execution = executions.start(item.promptId, item.prompt);
    return { item, report, clientId: typeof clientId === 'string' ? clientId : undefined, execution };
  }

  async function runPrompt(run: Run): Promise<void> {
    const { item, report } = run;
    const { crash, hang, zombie } = item.behaviour;
    report.start();
    if (crash?.at === 'start') deps.crash(crash);
    if (hang) await Promise.race([hang.ms === undefined ? forever() : sleep(hang.ms), faults.cleared()]);
    const end: ExecutionEnd = zombie ? { kind: 'died', reason: 'a zombie was asked for' } : await execute(run);
    if (end.kind === 'died') {
      process.stderr.write(`emulator: the prompt worker is dead: ${end.reason}\n`);
      executions.end(run.execution, 'died');
      await forever();
      return;
    }
    await finish(run, end);
  }

  function execute({ item, report }: Run): Promise<ExecutionEnd> {
    const { promptId, prompt, extraData, outputs, behaviour } = item;
    return executor.run({ promptId, prompt, extraData, outputs, behaviour }, (event) => {
      if (event.type === 'crash') deps.crash(behaviour.crash ?? { at: 'node' });
      else report.event(event);
    });
  }

  function finish(run: Run, end: Exclude<ExecutionEnd, { kind: 'died' }>): void {
    const { item, report, execution } = run;
    const { lie, crash, forget } = item.behaviour;
    if (end.kind === 'success') report.success();
    if (end.kind === 'error') report.failure(end.failure);
    if (end.kind === 'interrupted') report.interrupted(end);
    if (crash?.at === 'end') deps.crash(crash);
    executions.end(execution, end.kind);
    const outputs = shownOutputs(end.outputs, lie?.how);
    const isSuccess = end.kind === 'success';
    const status = {
      status_str: isSuccess ? 'success' : 'error',
      completed: isSuccess,
      messages: report.messages,
    } as const;
    if (forget?.how !== 'history') deps.history.put(item, { outputs, status, meta: metaOf(outputs) });
    queue.done(item);
    report.done();
    if (lie?.how === 'finishTwice') {
      report.success();
      report.done();
    }
    if (lie?.how === 'progressAfterEnd') report.lateProgress();
  }

  async function loop(): Promise<void> {
    for (;;) {
      const item = await queue.next();
      current = open(item);
      await runPrompt(current);
    }
  }

  return {
    start() {
      // The queue's order fails on two equal keys: python's worker thread ends there, and nobody hears of it.
      loop().catch(() => {});
    },
    runningNode: (clientId) => (current?.clientId === clientId ? current.report.runningNode : undefined),
    interrupt(promptId) {
      if (promptId !== undefined && !queue.running().some((item) => item.promptId === promptId)) return;
      executor.interrupt();
    },
  };
}

type ClientId = string | 'unhashable' | undefined;

function readClientId({ extraData }: QueueItem): ClientId {
  const clientId = extraData['client_id'];
  if (typeof clientId === 'object' && clientId !== null) return 'unhashable';
  return clientId === undefined || clientId === null ? undefined : String(clientId);
}

function shownOutputs(outputs: Record<string, UiOutput>, lie: string | undefined): Record<string, UiOutput> {
  if (lie === 'noOutputs') return {};
  if (lie !== 'missingFiles') return outputs;
  const rename = (item: unknown) =>
    typeof item === 'object' && item !== null && 'filename' in item
      ? { ...item, filename: `missing_${randomUUID()}.png` }
      : item;
  return Object.fromEntries(
    Object.entries(outputs).map(([nodeId, ui]) => [
      nodeId,
      Object.fromEntries(Object.entries(ui).map(([key, items]) => [key, items.map(rename)])),
    ]),
  );
}

function metaOf(outputs: Record<string, UiOutput>): Record<string, unknown> {
  const meta: Record<string, unknown> = {};
  for (const id of Object.keys(outputs)) {
    meta[id] = { node_id: id, display_node: id, parent_node: null, real_node_id: id };
  }
  return meta;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
