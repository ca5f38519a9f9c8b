// One attempt of a request on one instance, top to bottom: inputs → turn → prompt → watch → collect → finish.
// Started by dispatch for a leased request, or by recovery for one whose prompt may still be running.
import { addNote, type LiveRequest, publish, type StopWish } from '../requests/live.ts';
import { noteMedia, noteRunEnd } from '../requests/report.pure.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { beginOutgoing } from '../telemetry/trace-calls.ts';
import { traces } from '../telemetry/traces.ts';
import { type Attempt, type ExecutionDeps, stopCause } from './attempt.ts';
import { clearAway, mayRunStill } from './clear-away.ts';
import { describeRefusal, nodeFailure } from './describe-failure.ts';
import { bringInputs, type Inputs } from './inputs.ts';
import { interruptUntilOver } from './interrupt.ts';
import { loadInTurn, loadPayload, nextPayload } from './load-payload.ts';
import type { Cause } from './outcome.pure.ts';
import { buildPrompt } from './prompt-body.ts';
import { collectRun } from './run-outputs.ts';
import { reportRun } from './run-report.pure.ts';
import { postPrompt } from './send-prompt.ts';
import { type Settled, settle } from './settle.ts';
import { findSilentOutputs, NO_SILENT_OUTPUTS, type SilentOutputs } from './silent-outputs.ts';
import { beginProgress, tellFrame, tellPreview } from './tell-progress.ts';
import type { Place } from './turn.ts';
import { type RunEnd, type Watch, watchPrompt } from './watch.ts';
import { whileItAnswers } from './while-it-answers.ts';

/** Nothing of the cause: it may name what is none of a caller's business. */
const UNEXPECTED =
  'Something unexpected went wrong inside the service while it ran the request. Submit it again; if that fails too, the log of the service tells the cause beside the id of the request.';

export async function runAttempt(deps: ExecutionDeps, attempt: Attempt): Promise<void> {
  let settled: Settled;
  traces.attemptStarted(attempt.request, attempt.isResumed);
  try {
    settled = attempt.isResumed ? await resume(deps, attempt) : await execute(deps, attempt);
  } catch (error) {
    deps.log.error({ requestId: attempt.request.id, err: error }, 'an attempt failed unexpectedly');
    settled = { kind: 'unexpected', details: UNEXPECTED, debugInfo: '' };
  } finally {
    attempt.request.onStop = undefined;
  }
  await settle(deps, attempt, settled);
}

function traceFetch(request: LiveRequest, url: string) {
  const { id } = request;
  return beginOutgoing(() => ({
    method: 'GET',
    url,
    isPathSecret: false,
    parent: traces.contextOf(request),
    attributes: { 'comfleet.request_id': id },
  }));
}

async function execute(deps: ExecutionDeps, attempt: Attempt): Promise<Settled> {
  const { request, instance, signal } = attempt;
  const payload = nextPayload(attempt) ?? (await loadInTurn(deps, attempt));
  let inputs: Inputs = { kind: 'ok', names: new Map() };
  if (payload.media.length > 0) {
    const from = deps.clock.now();
    const onFetch = (message: string, url: string) => {
      addNote(request, { level: 'info', message });
      return traceFetch(request, url);
    };
    inputs = await bringInputs(deps, { media: payload.media, instance, signal, onFetch });
    noteMedia(request, from, deps.clock.now());
  }
  if (signal.aborted) return stopCause(attempt);
  if (inputs.kind === 'failed') return inputs.failure;
  const graphJson = buildPrompt(payload, { names: inputs.names, folder: attempt.folder });
  attempt.collector.expect(findSilentOutputs(graphJson, payload.prepared, attempt.folder));
  beginProgress(request, payload.prepared);
  const place = await attempt.turn.take(signal);
  if (place === undefined) return stopCause(attempt);
  const clientId = instance.connection.clientId();
  if (clientId === undefined) {
    place.release();
    return { kind: 'not_sent', reason: instance.connection.lastCause() ?? 'the instance is not connected' };
  }
  const watch = startWatch(deps, attempt, place);
  const prompt = { clientId, graphJson, extraDataJson: payload.extraData };
  const { outcome, isOver } = await postPrompt({ attempt, watch, sendGuard: deps.sendGuard, prompt });
  switch (outcome.kind) {
    case 'queued':
      if (outcome.nodeErrors.size > 0) return await refuseHalfGraph(deps, attempt, { watch, ...outcome });
      break;
    case 'refused':
      markReached(deps, request);
      watch.stop();
      return { kind: 'prompt_refused', ...describeRefusal(outcome.error, outcome.nodeErrors) };
    case 'unreachable':
      if (!outcome.mayHaveArrived) {
        watch.stop();
        return notSent(request, outcome.cause.message);
      }
      watch.ask();
      break;
    case 'unexpected':
      if (!(await isKnownThere(attempt, watch))) {
        markReached(deps, request);
        watch.stop();
        const details = `The instance answered the prompt with status ${outcome.status}, which is no verdict of ComfyUI's.`;
        return { kind: 'queue_unexpected', details, debugInfo: outcome.body };
      }
      watch.ask();
      break;
  }
  return await follow(deps, attempt, { watch, place, isPosted: isOver });
}

function notSent({ stop }: LiveRequest, reason: string): Cause {
  return stop ? wishCause(stop) : { kind: 'not_sent', reason };
}

/** The prompt was sent by an earlier life of this service, or was about to be: find out and go on from there. */
async function resume(deps: ExecutionDeps, attempt: Attempt): Promise<Settled> {
  const place = attempt.turn.force();
  const silent = await readSilentOutputs(deps, attempt);
  attempt.collector.expect(silent);
  const watch = startWatch(deps, attempt, place);
  watch.ask();
  const settled = await follow(deps, attempt, { watch, place, isPosted: () => true });
  const end = await Promise.race([watch.ended, undefined]);
  // The instance lived through the crash of this service and knows nothing of it: it was never sent.
  if (settled.kind === 'lost' && end?.kind === 'lost' && end.isAbsent) return { kind: 'not_sent', reason: end.reason };
  if (end?.kind === 'success' && silent.frameNodes.size > 0) {
    return { kind: 'lost', reason: 'its pictures were sent to a connection that had ended with the service' };
  }
  return settled;
}

async function readSilentOutputs(deps: ExecutionDeps, attempt: Attempt): Promise<SilentOutputs> {
  try {
    const payload = attempt.request.payload ?? (await loadPayload(deps, attempt.request));
    beginProgress(attempt.request, payload.prepared);
    return findSilentOutputs(payload.prepared.toBody(), payload.prepared, attempt.folder);
  } catch (error) {
    deps.log.warn({ requestId: attempt.request.id, err: error }, 'the payload of a run under way could not be read');
    return NO_SILENT_OUTPUTS;
  }
}

function startWatch(deps: ExecutionDeps, attempt: Attempt, place: Place): Watch {
  const { request, collector } = attempt;
  attempt.isWatched = true;
  place.onFront(() => {
    request.phase = 'running';
    markReached(deps, request);
    publish(request, { kind: 'status' });
  });
  const watch = watchPrompt({
    connection: attempt.instance.connection,
    promptId: attempt.promptId,
    times: deps.watchTimes,
    onFrame: (frame) => tellFrame(deps.clock, request, frame),
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
function markReached(deps: ExecutionDeps, request: LiveRequest): void {
  request.isOnInstance = true;
  request.startedAt ??= deps.clock.now();
  request.runTick ??= performance.now();
}

interface Sent {
  readonly watch: Watch;
  readonly place: Place;
  /** Nothing of its prompt is on the way to the instance any more. */
  readonly isPosted: () => boolean;
}

async function follow(deps: ExecutionDeps, attempt: Attempt, sent: Sent): Promise<Settled> {
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
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const first = await new Promise<Stop>((resolve) => {
    void watch.ended.then(() => resolve('over'));
    request.onStop = () => resolve(request.stop ?? 'over');
    place.onFront(() => {
      // setTimeout counts in 32 bits; a longer limit is no limit.
      if (!isOver && limitMs < 2 ** 31) timer = setTimeout(() => resolve('timeout'), limitMs);
    });
  });
  isOver = true;
  clearTimeout(timer);
  return first;
}

function wishCause(wish: StopWish): Cause {
  return wish.kind === 'cancel' ? { kind: 'cancelled' } : { kind: 'closed', code: wish.code, details: wish.details };
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
      if (end.isWorkerDead) deps.reportDeadWorker(attempt.instance, attempt.promptId);
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

// ComfyUI queued the good outputs and dropped the others silently. All or nothing: the caller asked for all of them.
async function refuseHalfGraph(
  { sendGuard }: ExecutionDeps,
  attempt: Attempt,
  { watch, nodeErrors }: { watch: Watch; nodeErrors: Parameters<typeof describeRefusal>[1] },
): Promise<Settled> {
  await interruptUntilOver({ attempt, watch, sendGuard });
  const error = {
    type: 'prompt_outputs_failed_validation',
    message: 'Some outputs failed validation',
    details: '',
    extraInfo: {},
  };
  return { kind: 'prompt_refused', ...describeRefusal(error, nodeErrors) };
}

async function isKnownThere({ instance, promptId }: Attempt, watch: Watch): Promise<boolean> {
  const { client } = instance.connection;
  const lookUp = async () => {
    const { running, pending } = await client.queue();
    return running.includes(promptId) || pending.includes(promptId) || (await client.history(promptId)) !== undefined;
  };
  // Not known: the watch asks until it is.
  return await Promise.race([lookUp().catch(() => true), watch.ended.then(() => true)]);
}
