// Runs a leased request's attempt on its instance and keeps the board true while it runs. Also the two ways a request
// leaves an instance without having run: back to the queue, or ended while it waited.
import { createAttempt, type ExecutionDeps } from '../execution/attempt.ts';
import { runAttempt } from '../execution/run.ts';
import { type Ending, finishRequest } from '../requests/finish.ts';
import type { LiveRequest, StopWish } from '../requests/live.ts';
import { describeError } from '../telemetry/log.ts';
import type { Board } from './board.ts';
import { pumpOnceKnown } from './pump-once-known.ts';
import { learnRun, leave, type Slots } from './slots.ts';

interface Performance {
  readonly request: LiveRequest;
  readonly slots: Slots;
  /** Its prompt may be on the instance already. */
  readonly isResumed: boolean;
}

/** One for all attempts of a board: made for each, it would cost each two microseconds. */
const executions = new WeakMap<Board, ExecutionDeps>();

function executionOf(board: Board): ExecutionDeps {
  const known = executions.get(board);
  if (known) return known;
  const made: ExecutionDeps = {
    ...board.deps.execution,
    requeue: (returned) => requeue(board, returned),
    hasBacklog: (deploymentId) => board.waiting.lane(deploymentId) !== undefined,
  };
  executions.set(board, made);
  return made;
}

export function perform(board: Board, given: Performance): void {
  const { request, slots, isResumed } = given;
  const execution = executionOf(board);
  const onRunOver = callOnce(() => freePlace(board, given));
  const { instance, turn } = slots;
  const attempt = createAttempt({ request, instance, turn, store: execution.store, isResumed, onRunOver });
  slots.attempts.add(attempt);
  // Lost or taken out of use while the lease was on its way.
  if (!isResumed && instance.phase !== 'ready') attempt.leave(instance.reason ?? 'the instance takes no more');
  const done: Promise<void> = runAttempt(execution, attempt)
    .catch((error) => {
      execution.log.error({ requestId: request.id, ...describeError(error) }, 'an attempt could not be settled');
    })
    .finally(() => {
      slots.attempts.delete(attempt);
      board.running.delete(done);
      // An attempt that never got to its turn gives its place back here.
      if (!attempt.isSent) onRunOver();
    });
  board.running.add(done);
}

function freePlace(board: Board, { request, slots, isResumed }: Performance): void {
  leave(slots, request.deploymentId);
  const { startedAt, runTick } = request;
  if (runTick !== undefined) request.ranMs ??= performance.now() - runTick;
  // What began before a restart is timed by its row; all else by a clock that is never set.
  const { clock } = board.deps.execution;
  const runMs = isResumed ? startedAt && Math.max(0, clock.now() - startedAt) : request.ranMs;
  if (runMs !== undefined) {
    board.usage.add(request.accountId, runMs);
    board.runTimes.learn(request.versionId, runMs);
    learnModels(board, request, { slots, runMs });
    learnRun(slots, runMs);
  }
  board.pump();
}

function learnModels(board: Board, request: LiveRequest, { slots, runMs }: { slots: Slots; runMs: number }) {
  const models = board.models.isUsed ? board.models.of(request) : '';
  if (models === '') return;
  board.models.learnRun(models, { runMs, wasLoaded: slots.loaded === models });
  slots.loaded = models;
}

function callOnce(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    call();
  };
}

/** The request waits again, at the head of its queue. */
export function requeue(board: Board, request: LiveRequest): void {
  if (board.deps.execution.live.get(request.id) !== request) return;
  if (request.stop) {
    void endRequest(board, request, request.stop);
    return;
  }
  request.phase = 'queued';
  board.waiting.pushFront(request);
  // After a start, and after an edit while it ran, nobody has asked for its deployment.
  pumpOnceKnown(board, request.deploymentId);
}

/** Ends a request that is on no instance. */
export async function endRequest(board: Board, request: LiveRequest, wish: StopWish): Promise<void> {
  const ending: Ending =
    wish.kind === 'cancel'
      ? { kind: 'cancelled' }
      : { kind: 'failed', code: wish.code, details: wish.details, debugInfo: '' };
  try {
    await finishRequest(board.deps.execution, request, ending);
  } catch (error) {
    const { log } = board.deps.execution;
    log.error({ requestId: request.id, ...describeError(error) }, 'a waiting request could not be ended');
  }
}
