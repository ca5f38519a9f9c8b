// What the status of a Pod means for its instance, in words for a person. Pure; kubernetes-pods.ts asks it at every change
// and, because some states only mean something once they have lasted, every few seconds.
import type { GoneKind } from '../provider.ts';

/** What is read of a Pod, as the API writes it; times are texts in a watch and dates in a list. */
export interface SeenPod {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string | Date;
    readonly deletionTimestamp?: string | Date;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: PodStatus;
}

interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly podIP?: string;
  readonly conditions?: readonly PodCondition[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: Terminated;
  };
}

interface Terminated {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason?: string;
  readonly message?: string;
}

export type PodView =
  /** Not up yet, and why. */
  | { readonly phase: 'pending'; readonly words: string }
  | { readonly phase: 'running'; readonly host: string }
  /** Its container runs no more, and never again: it can be deleted. */
  | { readonly phase: 'ended'; readonly cause: string; readonly kind: GoneKind }
  /** It is being deleted: whether its container has ended is not known yet, and it may be reached until then. */
  | { readonly phase: 'leaving'; readonly words: string; readonly host: string | undefined }
  /** Being deleted on a node that does not answer: nobody will ever confirm it. */
  | { readonly phase: 'unreachable'; readonly cause: string };

/** The one container of our Pods. */
export const CONTAINER = 'comfyui';
/** Making a container takes less, unless something is missing for it. */
const SLOW_START_MS = 30_000;
/** How long beyond its grace a Pod of a silent node may be on its way out. */
const UNREACHABLE_MS = 30_000;
const LAST_WORDS_CHARACTERS = 500;

export function viewPod(pod: SeenPod, now: number): PodView {
  const ended = viewEnd(pod);
  if (ended !== undefined) return ended;
  if (pod.metadata?.deletionTimestamp !== undefined) return viewLeaving(pod, now);
  const host = hostOf(pod);
  return host === undefined ? viewPending(pod, now) : { phase: 'running', host };
}

function hostOf(pod: SeenPod): string | undefined {
  const { podIP } = pod.status ?? {};
  // An address may be there while the image is still being pulled.
  if (podIP === undefined || podIP === '' || ownContainer(pod)?.state?.waiting !== undefined) return undefined;
  return podIP.includes(':') ? `[${podIP}]` : podIP;
}

/** Why a Pod that is there no more went, from the last that was seen of it. */
export function explainDeleted(pod: SeenPod): { readonly cause: string; readonly kind: GoneKind } {
  const ended = viewEnd(pod);
  if (ended?.phase === 'ended') return ended;
  const taken = explainTaken(pod);
  if (taken !== undefined) return { cause: taken, kind: 'evicted' };
  return { cause: deleted(pod), kind: 'ended' };
}

function deleted({ metadata }: SeenPod): string {
  return `its Pod ${metadata?.name ?? ''} was deleted, and not by comfleet`;
}

function viewEnd(pod: SeenPod): PodView | undefined {
  const { phase, reason, message } = pod.status ?? {};
  const container = ownContainer(pod);
  const waiting = container?.state?.waiting;
  // The only wait that the node itself never tries again.
  if (waiting?.reason === 'InvalidImageName') {
    return { phase: 'ended', cause: phrase('InvalidImageName', waiting.message), kind: 'not_started' };
  }
  const terminated = container?.state?.terminated;
  if (phase !== 'Failed' && phase !== 'Succeeded' && terminated === undefined) return undefined;
  const taken = explainTaken(pod);
  if (taken !== undefined) return { phase: 'ended', cause: taken, kind: 'evicted' };
  if (terminated !== undefined) return { phase: 'ended', ...explainExit(terminated, pod) };
  // Refused by its node, or given up before the container was made.
  const kind: GoneKind = phase === 'Failed' ? 'not_started' : 'ended';
  return { phase: 'ended', cause: phrase(reason ?? `the Pod is ${phase}`, message), kind };
}

/** Reasons of a Pod whose machine was taken from it: by the node, the scheduler, or the loss of the node. */
const TAKEN = ['Evicted', 'Preempting', 'Preempted', 'NodeLost', 'NodeShutdown', 'Shutdown', 'Terminated'];

const DISRUPTIONS: Readonly<Record<string, string>> = {
  PreemptionByScheduler: 'a Pod of higher priority took its place',
  DeletionByTaintManager: 'its node was lost, or tainted so that it may not stay',
  EvictionByEvictionAPI: 'it was evicted, as when its node is drained',
  DeletionByPodGC: 'its node is no more',
  TerminationByKubelet: 'its node ran short of resources or shut down',
};

function explainTaken({ status }: SeenPod): string | undefined {
  const disruption = status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
  if (disruption !== undefined) {
    const words = DISRUPTIONS[disruption.reason ?? ''] ?? 'its machine was taken away';
    // The eviction's own words name what ran short; those of the condition, who asked.
    return phrase(words, status?.message ?? disruption.message);
  }
  if (status?.reason !== undefined && TAKEN.includes(status.reason)) return phrase(status.reason, status.message);
  return undefined;
}

/** Container runtimes say these when the command could not be run at all. */
const NEVER_RAN = ['StartError', 'ContainerCannotRun', 'ContainerStatusUnknown'];
const KILLED = 137;

function explainExit({ exitCode, reason, message }: Terminated, pod: SeenPod): { cause: string; kind: GoneKind } {
  if (reason === 'OOMKilled') {
    return {
      cause: `out of memory: the container took more than its limit (OOMKilled, exit code ${exitCode})`,
      kind: 'out_of_memory',
    };
  }
  if (reason !== undefined && NEVER_RAN.includes(reason))
    return { cause: phrase(reason, message), kind: 'not_started' };
  if (exitCode === KILLED && pod.metadata?.deletionTimestamp === undefined) {
    const cause = 'killed (exit code 137): so the system ends what takes too much memory';
    return { cause: withLastWords(cause, message), kind: 'out_of_memory' };
  }
  const isDeleted = pod.metadata?.deletionTimestamp !== undefined;
  const cause = `${isDeleted ? `${deleted(pod)}: ` : ''}the container ended with exit code ${exitCode}`;
  return { cause: withLastWords(cause, message), kind: 'ended' };
}

function viewLeaving(pod: SeenPod, now: number): PodView {
  const taken = explainTaken(pod);
  const since = readTime(pod.metadata?.deletionTimestamp);
  // The timestamp of a deletion is when its grace ends.
  if (since !== undefined && now - since > UNREACHABLE_MS && isNodeSilent(pod)) {
    const node = pod.spec?.nodeName ?? '';
    const why = taken === undefined ? '' : ` (${taken})`;
    return { phase: 'unreachable', cause: `its node ${node} does not answer any more${why}` };
  }
  return { phase: 'leaving', words: taken ?? 'its Pod is being deleted', host: hostOf(pod) };
}

function isNodeSilent({ status }: SeenPod): boolean {
  if (status?.reason === 'NodeLost') return true;
  return (status?.conditions ?? []).some(
    ({ type, status: is, reason }) =>
      (type === 'DisruptionTarget' && is === 'True' && reason === 'DeletionByTaintManager') ||
      (type === 'Ready' && (is === 'Unknown' || isUnreadyByOthers({ is, reason }))),
  );
}

/** A kubelet says why its Pod is not ready; the controller that marks the Pods of a node that fell silent does not. */
function isUnreadyByOthers({ is, reason }: { is: string; reason: string | undefined }): boolean {
  return is === 'False' && (reason === undefined || reason === '');
}

function viewPending(pod: SeenPod, now: number): PodView {
  const pending = (words: string): PodView => ({ phase: 'pending', words });
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return pending(phrase(scheduled.reason ?? 'Unschedulable', scheduled.message));
  const waiting = ownContainer(pod)?.state?.waiting;
  if (waiting?.reason !== undefined && waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
    return pending(phrase(waiting.reason, waiting.message));
  }
  if (pod.spec?.nodeName === undefined) return pending('waiting for a node');
  const created = readTime(pod.metadata?.creationTimestamp);
  if (created === undefined || now - created < SLOW_START_MS) return pending('the container is being created');
  const name = pod.metadata?.name ?? '';
  return pending(
    `the container is being created: pulling the image, or waiting for a volume (kubectl describe pod ${name} tells)`,
  );
}

function ownContainer({ status }: SeenPod): ContainerStatus | undefined {
  return status?.containerStatuses?.find(({ name }) => name === CONTAINER);
}

function readTime(time: string | Date | undefined): number | undefined {
  const at = time === undefined ? Number.NaN : new Date(time).getTime();
  return Number.isNaN(at) ? undefined : at;
}

function phrase(reason: string, message: string | undefined): string {
  const words = message?.trim();
  return words === undefined || words === '' ? reason : `${reason}: ${words.slice(0, LAST_WORDS_CHARACTERS)}`;
}

/** The message of a container that failed is the end of its log: the Pod asks for that. */
function withLastWords(cause: string, message: string | undefined): string {
  const last = message?.trim().split(/\r?\n/).at(-1)?.trim();
  return last === undefined || last === ''
    ? cause
    : `${cause}; its last words: ${last.slice(0, LAST_WORDS_CHARACTERS)}`;
}
