// What the stand-in for a cluster's API server holds: Pods with their versions, what happened to them, and who watches.
// Used by kubernetes-api.ts and kubernetes-answers.ts.
import type { ServerResponse } from 'node:http';
import type { V1Pod } from '@kubernetes/client-node';

export interface Fault {
  /** `POST pods`, `GET pods`, `WATCH pods`, `DELETE pods/name` …; the path without the namespace. */
  readonly call: string;
  readonly status: number;
  readonly reason?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Do it, and cut the connection instead of an answer. */
  readonly cutsAfterwards?: boolean;
  /** How often; once by default. */
  times?: number;
}

interface StoredEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly pod: StoredPod;
}

export interface OpenWatch {
  readonly response: ServerResponse;
  readonly selector: string;
}

export interface StoredPod extends V1Pod {
  metadata: NonNullable<V1Pod['metadata']> & { name: string; resourceVersion: string };
}
export function createState({ pageLimit }: { pageLimit?: number }) {
  return {
    pageLimit,
    version: 100,
    compactedAt: 0,
    isHeld: false,
    pods: new Map<string, StoredPod>(),
    history: [] as StoredEvent[],
    watches: new Set<OpenWatch>(),
    faults: [] as Fault[],
    calls: [] as string[],
    logs: new Map<string, string>(),
    secrets: new Set<string>(),
    /** As `create pods`. */
    forbidden: new Set<string>(),
  };
}

export type State = ReturnType<typeof createState>;

export function store(
  state: State,
  type: 'ADDED' | 'MODIFIED',
  pod: V1Pod & { metadata: { name: string } },
): StoredPod {
  state.version += 1;
  const stored: StoredPod = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(state.version) } };
  state.pods.set(stored.metadata.name, stored);
  publish(state, { version: state.version, type, pod: stored });
  return stored;
}

export function drop(state: State, name: string): void {
  const pod = state.pods.get(name);
  if (pod === undefined) return;
  state.version += 1;
  state.pods.delete(name);
  const last = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(state.version) } };
  publish(state, { version: state.version, type: 'DELETED', pod: last });
}

/** As the real one: what is on no node is gone at once; a kubelet has to confirm the rest. */
export function removePod(state: State, pod: StoredPod, grace: string | null = null): StoredPod {
  const { name } = pod.metadata;
  if (pod.spec?.nodeName === undefined || grace === '0') {
    drop(state, name);
    return pod;
  }
  if (pod.metadata.deletionTimestamp !== undefined) return pod;
  const seconds = pod.spec.terminationGracePeriodSeconds ?? 30;
  const deletionTimestamp = new Date(Date.now() + seconds * 1000).toISOString() as unknown as Date;
  const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: seconds };
  return store(state, 'MODIFIED', { ...pod, metadata });
}

function publish(state: State, event: StoredEvent): void {
  state.history.push(event);
  if (state.isHeld) return;
  for (const { response, selector } of state.watches) {
    if (isSelected(event.pod, selector)) response.write(line(event.type, event.pod));
  }
}

export function sendBookmark(state: State): void {
  state.version += 1;
  const metadata = { resourceVersion: String(state.version), creationTimestamp: null };
  for (const { response } of state.watches)
    response.write(line('BOOKMARK', { kind: 'Pod', apiVersion: 'v1', metadata }));
}

export function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function isSelected(pod: V1Pod, selector: string): boolean {
  if (selector === '') return true;
  return selector.split(',').every((part) => {
    const [key = '', value] = part.split('=');
    return pod.metadata?.labels?.[key] === value;
  });
}
