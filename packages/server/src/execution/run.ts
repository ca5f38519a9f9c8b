// One attempt of a request on one instance, top to bottom: inputs → turn → prompt, then follow.ts: watch → collect, and
// settle.ts for the end. Two ways in: execute() for a request leased just now, resume() for one whose prompt may still be
// running since an earlier life of the service.
import type { SubmitOutcome } from '@comfleet/comfyui';
import { addNote, type LiveRequest } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { noteMedia } from '../requests/report.pure.ts';
import { beginOutgoing } from '../telemetry/trace-calls.ts';
import { traces } from '../telemetry/traces.ts';
import { type Attempt, type ExecutionDeps, stopCause, wishCause } from './attempt.ts';
import { describeRefusal } from './describe-failure.ts';
import { follow, markReached, startWatch } from './follow.ts';
import { bringInputs, type Inputs } from './inputs.ts';
import { interruptUntilOver } from './interrupt.ts';
import { loadInTurn, loadPayload, nextPayload } from './load-payload.ts';
import type { Cause } from './outcome.pure.ts';
import { buildPrompt } from './prompt-body.ts';
import { postPrompt } from './send-prompt.ts';
import { type Settled, settle } from './settle.ts';
import { findSilentOutputs, NO_SILENT_OUTPUTS, type SilentOutputs } from './silent-outputs.ts';
import { beginProgress } from './tell-progress.ts';
import type { Watch } from './watch.ts';

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

/** The usual way: the attempt was leased just now, and nothing of it has been sent. */
async function execute(deps: ExecutionDeps, attempt: Attempt): Promise<Settled> {
  const { request, instance, turn, signal } = attempt;
  const prepared = await prepare(deps, attempt);
  if (prepared.kind !== 'prepared') return prepared;
  // One that was lost may have ended its instance: with others there, they would be lost with it each time.
  const place = await turn.take(signal, request.losses > 0);
  // It may have been told to leave in the turn in which its place became free.
  if (place === undefined || signal.aborted) {
    place?.release();
    return stopCause(attempt);
  }
  const clientId = instance.connection.clientId();
  if (clientId === undefined) {
    place.release();
    return { kind: 'not_sent', reason: instance.connection.lastCause() ?? 'the instance is not connected' };
  }
  const watch = startWatch(deps, attempt, place);
  const prompt = { clientId, graphJson: prepared.graphJson, extraDataJson: prepared.extraDataJson };
  const { outcome, isOver } = await postPrompt({ attempt, watch, sendGuard: deps.sendGuard, prompt });
  const refusal = await judgeAnswer(deps, attempt, { watch, outcome });
  return refusal ?? (await follow(deps, attempt, { watch, place, isPosted: isOver }));
}

interface Prepared {
  readonly kind: 'prepared';
  readonly graphJson: string;
  readonly extraDataJson: string | undefined;
}

/** While earlier runs go on: its media is brought to the instance, its graph is made ready to be sent. */
async function prepare(deps: ExecutionDeps, attempt: Attempt): Promise<Prepared | Settled> {
  const payload = nextPayload(attempt) ?? (await loadInTurn(deps, attempt));
  const inputs = await bringMedia(deps, attempt, payload.media);
  if (attempt.signal.aborted) return stopCause(attempt);
  if (inputs.kind === 'failed') return inputs.failure;
  const graphJson = buildPrompt(payload, { names: inputs.names, folder: attempt.folder });
  attempt.collector.expect(findSilentOutputs(graphJson, payload.prepared, attempt.folder));
  beginProgress(attempt.request, payload.prepared);
  return { kind: 'prepared', graphJson, extraDataJson: payload.extraData };
}

async function bringMedia(deps: ExecutionDeps, attempt: Attempt, media: RequestPayload['media']): Promise<Inputs> {
  if (media.length === 0) return { kind: 'ok', names: new Map() };
  const { request, instance, signal } = attempt;
  const from = deps.clock.now();
  const onFetch = (message: string, url: string) => {
    addNote(request, { level: 'info', message });
    return traceFetch(request, url);
  };
  const inputs = await bringInputs(deps, { media, instance, signal, onFetch });
  noteMedia(request, from, deps.clock.now());
  return inputs;
}

interface Answered {
  readonly watch: Watch;
  readonly outcome: SubmitOutcome;
}

/** What ends the attempt already. undefined: the prompt is in the instance's queue, or may be, and is followed. */
async function judgeAnswer(
  deps: ExecutionDeps,
  attempt: Attempt,
  { watch, outcome }: Answered,
): Promise<Settled | undefined> {
  switch (outcome.kind) {
    case 'queued':
      if (outcome.nodeErrors.size === 0) return undefined;
      return await refuseHalfGraph(deps, attempt, { watch, nodeErrors: outcome.nodeErrors });
    case 'refused':
      markReached(deps, attempt.request);
      watch.stop();
      return { kind: 'prompt_refused', ...describeRefusal(outcome.error, outcome.nodeErrors) };
    case 'unreachable':
      if (outcome.mayHaveArrived) break;
      watch.stop();
      return notSent(attempt.request, outcome.cause.message);
    case 'unexpected': {
      if (await isKnownThere(attempt, watch)) break;
      markReached(deps, attempt.request);
      watch.stop();
      const details = `The instance answered the prompt with status ${outcome.status}, which is no verdict of ComfyUI's.`;
      return { kind: 'queue_unexpected', details, debugInfo: outcome.body };
    }
  }
  watch.ask();
  return undefined;
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
