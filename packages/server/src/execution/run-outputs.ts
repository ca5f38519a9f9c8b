// A run that ended well → its stored outputs, or why they could not be had. Called by follow.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonValue } from '@comfleet/comfyui';
import { StorageError } from '../files/storage.ts';
import { afterAwake, awakeNow } from '../telemetry/awake-time.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { answerWithin, askInstance } from './ask-instance.ts';
import type { Attempt, ExecutionDeps } from './attempt.ts';
import type { Collected } from './collect.ts';
import { createEarlierOutputs, takeIdenticalRun } from './earlier-outputs.ts';
import type { Settled } from './settle.ts';
import type { RunEnd } from './watch.ts';

type Success = Extract<RunEnd, { kind: 'success' }>;

const HISTORY_WITHIN_MS = 5_000;

export async function collectRun(deps: ExecutionDeps, attempt: Attempt, end: Success): Promise<Settled> {
  const outputs = end.isComplete ? end.seen : await readOutputs(deps, attempt, end);
  crashPoint('after-outputs-listed');
  const earlier = createEarlierOutputs(deps, attempt, end.cached);
  const settled = judge(await attempt.collector.finish(outputs, earlier), end);
  if (settled.kind === 'succeeded') return settled;
  const again = outputs.size === 0 && ranNothing(attempt, end) ? await takeIdentical(deps, attempt, end) : undefined;
  if (again) return again;
  return await lookAgain(deps, attempt, { end, outputs });
}

async function takeIdentical(deps: ExecutionDeps, attempt: Attempt, end: Success): Promise<Settled | undefined> {
  try {
    const taken = await takeIdenticalRun(deps, attempt);
    if (taken === 'gone') return { kind: 'succeeded', outputs: '{}', files: [], note: describeGone(end.cached) };
    return taken && { kind: 'succeeded', ...taken, note: undefined };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return judge({ kind: 'failed', reason: error.message, isUnfit: false }, end);
  }
}

/** Every node was taken from the cache. */
function ranNothing({ request }: Attempt, { cached }: Success): boolean {
  return request.progress !== undefined && cached.size > 0 && cached.size >= request.progress.nodesTotal;
}

function describeGone(nodeIds: Iterable<string>): string {
  return `Nothing new was written by node ${[...nodeIds].join(', ')}: an identical run had produced its files already, and they are gone. Change a seed or another input to run again.`;
}

/** The outputs could not be had: did the instance never have them, or is it that the instance went away meanwhile? */
async function lookAgain(
  deps: ExecutionDeps,
  attempt: Attempt,
  { end, outputs }: { end: Success; outputs: ReadonlyMap<string, JsonValue> },
): Promise<Settled> {
  const times = deps.watchTimes;
  const { connection } = attempt.instance;
  const timing = new AbortController();
  const stop = afterAwake(times.unreachableMs, () => timing.abort());
  const signal = AbortSignal.any([attempt.signal, timing.signal]);
  const { promptId } = attempt;
  const of = { connection, promptId, times, signal };
  const answer = await askInstance({ ...of, framesFlow: () => false, hasBegun: () => true }).finally(stop);
  if (answer.kind === 'alive')
    return { kind: 'lost', reason: attempt.leaveReason ?? 'the instance kept its outputs back' };
  if (answer.kind === 'lost' && !answer.isAbsent) return { kind: 'lost', reason: answer.reason };
  // A restarted one has forgotten the run, but often has its files: then nothing has to run again.
  const known = answer.kind === 'history' ? answer.entry.outputs : outputs;
  const earlier = createEarlierOutputs(deps, attempt, end.cached);
  const settled = judge(await attempt.collector.finish(known, earlier), end);
  if (settled.kind === 'succeeded' || answer.kind === 'history') return settled;
  return { kind: 'lost', reason: 'the instance was restarted before the outputs were fetched' };
}

function judge(collected: Collected, end: Success): Settled {
  if (collected.kind === 'failed') {
    const details = `The run finished, but its outputs could not be stored: ${collected.reason}.`;
    return { kind: 'outputs_unreadable', details, debugInfo: '', isBilled: collected.isUnfit };
  }
  if (collected.missing.length > 0) return judgeMissing(collected, end);
  if (collected.outputs === '{}' && collected.files.length === 0) return nothingCame();
  return { kind: 'succeeded', outputs: collected.outputs, files: collected.files, note: undefined };
}

/** Entries whose files are gone: an identical, older run's (200001), or a lie of the instance's (10006). */
function judgeMissing(
  collected: { outputs: string; files: Extract<Settled, { kind: 'succeeded' }>['files']; missing: string[] },
  end: Success,
): Settled {
  if (collected.missing.every((nodeId) => end.cached.has(nodeId))) {
    const note = describeGone(collected.missing);
    return { kind: 'succeeded', outputs: collected.outputs, files: collected.files, note };
  }
  const details = `The run finished, but files that node ${collected.missing.join(', ')} reported are not on the instance.`;
  return { kind: 'outputs_unreadable', details, debugInfo: '', isBilled: true };
}

function nothingCame(): Settled {
  const details =
    'The run finished and no output came of it. Usual causes: no output node ran (its branch was blocked or bypassed), or virtual links ("Use Everywhere") of the editor were not made real before the workflow was exported in API format.';
  return { kind: 'outputs_unreadable', details, debugInfo: '', isBilled: true };
}

// History is written a moment after execution_success. What the frames told stands in when it cannot be had any more.
async function readOutputs(
  deps: ExecutionDeps,
  attempt: Attempt,
  end: Success,
): Promise<ReadonlyMap<string, JsonValue>> {
  if (end.entry) return end.entry.outputs;
  const { client } = attempt.instance.connection;
  const until = awakeNow() + HISTORY_WITHIN_MS;
  let pauseMs = 2;
  while (awakeNow() < until) {
    try {
      const entry = await answerWithin(client.history(attempt.promptId), until - awakeNow());
      if (entry) return entry.outputs;
    } catch (error) {
      deps.log.debug({ requestId: attempt.request.id, err: error }, 'history could not be read; trying again');
    }
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, 250);
  }
  return end.seen;
}
