// The second half of an attempt, from a prompt that is on its way to a verdict: watch → end or stop → collect. run.ts begins
// it for a prompt just sent, and for one that an earlier life of this service sent.
import { type LiveRequest, publish, type StopWish } from '../requests/live.ts';
import { noteRunEnd } from '../requests/report.pure.ts';
import { afterAwake } from '../telemetry/awake-time.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { type Attempt, type ExecutionDeps, wishCause } from './attempt.ts';
import { clearAway, mayRunStill } from './clear-away.ts';
import { nodeFailure } from './describe-failure.ts';
import { interruptUntilOver } from './interrupt.ts';
import type { Cause } from './outcome.pure.ts';
import { collectRun } from './run-outputs.ts';
import { reportRun } from './run-report.pure.ts';
import type { Settled } from './settle.ts';
import { tellFrame, tellPreview } from './tell-progress.ts';
import type { Place } from './turn.ts';
import { type RunEnd, type Watch, watchPrompt } from './watch.ts';
import { whileItAnswers } from './while-it-answers.ts';

export function startWatch(deps: ExecutionDeps, attempt: Attempt, place: Place): Watch {
  const { request, collector } = attempt;
  attempt.isSent = true;
  const begin = () => {
    if (request.phase === 'running') return;
    request.phase = 'running';
    markReached(deps, request);
    publish(request, { kind: 'status' });
  };
  place.onFront(begin);
  const watch = watchPrompt({
    connection: attempt.instance.connection,
    promptId: attempt.promptId,
    times: deps.watchTimes,
    onFrame(frame) {
      // Prompts that were sent at the same moment may have come in another order.
      if (frame.type === 'execution_start') begin();
      tellFrame(deps.clock, request, frame);
    },
    onExecuted(nodeId, output) {
      crashPoint('after-executed-frame');
      collector.begin(nodeId, output);
    },
    onPreview(nodeId, image, contentType) {
      collector.keepPreview(nodeId, image);
      tellPreview(request, { nodeId, image, contentType });
    },
    onOver() {
      noteRunEnd(request, deps.clock.now());
      place.release();
      attempt.onRunOver();
    },
  });
  attempt.onGone = (reason) => watch.giveUp(reason);
  return watch;
}

/** The instance dealt with it: from now on its name is told. */
export function markReached(deps: ExecutionDeps, request: LiveRequest): void {
  request.isOnInstance = true;
  request.startedAt ??= deps.clock.now();
  request.runTick ??= performance.now();
}

export interface Sent {
  readonly watch: Watch;
  readonly place: Place;
  /** Nothing of its prompt is on the way to the instance any more. */
  readonly isPosted: () => boolean;
}

/** Returns the verdict; what runs on although nobody waits for it is cleared away. */
export async function follow(deps: ExecutionDeps, attempt: Attempt, sent: Sent): Promise<Settled> {
  const { watch, isPosted } = sent;
  const { sendGuard } = deps;
  const limitMs = Math.min(attempt.request.runWithinMs ?? Number.POSITIVE_INFINITY, deps.limits.runTimeoutMs);
  const stopped = await waitForEndOrStop(attempt, sent, limitMs);
  if (stopped === 'over') {
    const end = await watch.ended;
    if (mayRunStill(end, isPosted)) void clearAway({ attempt, sendGuard, isPosted, log: deps.log });
    return await judgeEnd(deps, attempt, end);
  }
  const cause: Cause =
    stopped === 'timeout'
      ? { kind: 'run_timeout', afterMs: limitMs, isOwn: limitMs === attempt.request.runWithinMs }
      : wishCause(stopped);
  const end = await interruptUntilOver({ attempt, watch, sendGuard });
  if (mayRunStill(end, isPosted)) void clearAway({ attempt, sendGuard, isPosted, log: deps.log });
  // It was faster than the interrupt: what is finished stays finished.
  if (end?.kind === 'success' && stopped !== 'timeout') return await judgeEnd(deps, attempt, end);
  return cause;
}

type Stop = 'over' | 'timeout' | StopWish;

async function waitForEndOrStop(attempt: Attempt, { watch, place }: Sent, limitMs: number): Promise<Stop> {
  const { request } = attempt;
  if (request.stop) return request.stop;
  let stopTimer: () => void = () => undefined;
  let isOver = false;
  const first = await new Promise<Stop>((resolve) => {
    void watch.ended.then(() => resolve('over'));
    request.onStop = () => resolve(request.stop ?? 'over');
    place.onFront(() => {
      // Timers count in 32 bits; a longer limit is no limit. In awake time: after a standstill of this process they come before
      // what was said meanwhile.
      if (!isOver && limitMs < 2 ** 31) stopTimer = afterAwake(limitMs, () => resolve('timeout'));
    });
  });
  isOver = true;
  stopTimer();
  return first;
}

async function judgeEnd(deps: ExecutionDeps, attempt: Attempt, end: RunEnd): Promise<Settled> {
  if (end.kind !== 'lost') markReached(deps, attempt.request);
  const report = reportRun({ versionId: attempt.request.versionId, isResumed: attempt.isResumed }, end);
  if (report) deps.reportRun(attempt.instance, report);
  switch (end.kind) {
    case 'success':
      crashPoint('after-run-over');
      attempt.request.phase = 'collecting';
      return await collectWhileItAnswers(deps, attempt, end);
    case 'error':
      return nodeFailure(end.error, deps.memoryOf?.(attempt.instance));
    case 'interrupted':
      return attempt.request.stop ? wishCause(attempt.request.stop) : { kind: 'interrupted_elsewhere' };
    case 'lost':
      if (end.isWorkerDead) {
        const { promptId } = attempt;
        deps.reportDeadWorker(attempt.instance, { promptId, hasBegun: end.hasBegun === true });
      }
      return { kind: 'lost', reason: end.reason };
  }
}

async function collectWhileItAnswers(
  deps: ExecutionDeps,
  attempt: Attempt,
  end: Extract<RunEnd, { kind: 'success' }>,
): Promise<Settled> {
  const { client } = attempt.instance.connection;
  const settled = await whileItAnswers(client, deps.watchTimes, collectRun(deps, attempt, end));
  if (settled !== 'silent') return settled;
  return { kind: 'lost', reason: 'the run finished, and the instance stood still before its outputs were fetched' };
}
