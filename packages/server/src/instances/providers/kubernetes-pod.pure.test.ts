import { expect, test } from 'vitest';
import { explainDeleted, type PodView, type SeenPod, viewPod } from './kubernetes-pod.pure.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const metadata = { name: 'comfleet-a', creationTimestamp: '2026-01-01T00:09:50Z' };
const scheduled = { type: 'PodScheduled', status: 'True' };

type State = NonNullable<NonNullable<NonNullable<SeenPod['status']>['containerStatuses']>[number]['state']>;

function onNode(status: SeenPod['status'], state?: State, more: SeenPod['metadata'] = {}): SeenPod {
  const containerStatuses = state === undefined ? [] : [{ name: 'comfyui', state }];
  return {
    metadata: { ...metadata, ...more },
    spec: { nodeName: 'node-1' },
    status: { phase: 'Pending', conditions: [scheduled], containerStatuses, ...status },
  };
}

const disrupted = (reason: string, message?: string) => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, ...(message !== undefined && { message }) }],
});

// The shapes are those that an API server shows.
const CASES: readonly [string, SeenPod, PodView][] = [
  ['just made', { metadata, status: { phase: 'Pending' } }, { phase: 'pending', words: 'waiting for a node' }],
  [
    'no node has room',
    {
      metadata,
      status: {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available.',
          },
        ],
      },
    },
    {
      phase: 'pending',
      words:
        'Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available.',
    },
  ],
  [
    'held back by a gate',
    {
      metadata,
      status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    },
    { phase: 'pending', words: 'SchedulingGated' },
  ],
  [
    'on a node for a moment',
    onNode({}, { waiting: { reason: 'ContainerCreating' } }),
    { phase: 'pending', words: 'the container is being created' },
  ],
  [
    'being created for long',
    onNode({}, { waiting: { reason: 'ContainerCreating' } }, { creationTimestamp: '2026-01-01T00:09:00Z' }),
    {
      phase: 'pending',
      words:
        'the container is being created: pulling the image, or waiting for a volume (kubectl describe pod comfleet-a tells)',
    },
  ],
  [
    'with an address before its image is there',
    onNode({ podIP: '10.0.0.7' }, { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' } }),
    { phase: 'pending', words: 'ImagePullBackOff: Back-off pulling image "x"' },
  ],
  [
    'an image that is not to be had',
    onNode({}, { waiting: { reason: 'ErrImagePull', message: 'pull access denied' } }),
    { phase: 'pending', words: 'ErrImagePull: pull access denied' },
  ],
  [
    'a secret that is missing',
    onNode({}, { waiting: { reason: 'CreateContainerConfigError', message: 'secret "hf" not found' } }),
    { phase: 'pending', words: 'CreateContainerConfigError: secret "hf" not found' },
  ],
  [
    'an image name that is none',
    onNode({}, { waiting: { reason: 'InvalidImageName', message: 'Failed to apply default image tag "X Y"' } }),
    { phase: 'ended', cause: 'InvalidImageName: Failed to apply default image tag "X Y"', kind: 'not_started' },
  ],
  ['running', onNode({ phase: 'Running', podIP: '10.0.0.7' }, { running: {} }), { phase: 'running', host: '10.0.0.7' }],
  ['running on IPv6', onNode({ podIP: 'fd00::7' }, { running: {} }), { phase: 'running', host: '[fd00::7]' }],
  [
    'out of memory',
    onNode({ phase: 'Failed' }, { terminated: { exitCode: 137, reason: 'OOMKilled' } }),
    {
      phase: 'ended',
      cause: 'out of memory: the container took more than its limit (OOMKilled, exit code 137)',
      kind: 'out_of_memory',
    },
  ],
  [
    'killed without a word of why',
    onNode({ phase: 'Failed' }, { terminated: { exitCode: 137, reason: 'Error', message: 'loading\nmodel' } }),
    {
      phase: 'ended',
      cause: 'killed (exit code 137): so the system ends what takes too much memory; its last words: model',
      kind: 'out_of_memory',
    },
  ],
  [
    'killed while it was being deleted',
    onNode(
      { phase: 'Failed' },
      { terminated: { exitCode: 137, reason: 'Error' } },
      { deletionTimestamp: '2026-01-01T00:09:59Z' },
    ),
    {
      phase: 'ended',
      cause: 'its Pod comfleet-a was deleted, and not by comfleet: the container ended with exit code 137',
      kind: 'ended',
    },
  ],
  [
    'ended by an error of its own',
    onNode(
      { phase: 'Failed' },
      { terminated: { exitCode: 1, reason: 'Error', message: 'Traceback\nModuleNotFoundError: torch\n' } },
    ),
    {
      phase: 'ended',
      cause: 'the container ended with exit code 1; its last words: ModuleNotFoundError: torch',
      kind: 'ended',
    },
  ],
  [
    'ended in peace',
    onNode({ phase: 'Succeeded' }, { terminated: { exitCode: 0, reason: 'Completed' } }),
    { phase: 'ended', cause: 'the container ended with exit code 0', kind: 'ended' },
  ],
  [
    'a command that is not there',
    onNode(
      { phase: 'Failed' },
      {
        terminated: {
          exitCode: 128,
          reason: 'StartError',
          message: 'exec: "pyton": executable file not found in $PATH',
        },
      },
    ),
    {
      phase: 'ended',
      cause: 'StartError: exec: "pyton": executable file not found in $PATH',
      kind: 'not_started',
    },
  ],
  [
    'refused by its node',
    onNode({ phase: 'Failed', reason: 'UnexpectedAdmissionError', message: 'Allocate failed due to no devices' }),
    { phase: 'ended', cause: 'UnexpectedAdmissionError: Allocate failed due to no devices', kind: 'not_started' },
  ],
  [
    'evicted, as older servers say it',
    onNode({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }),
    { phase: 'ended', cause: 'Evicted: The node was low on resource: memory.', kind: 'evicted' },
  ],
  [
    'evicted by its node',
    onNode(
      {
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: memory.',
        ...disrupted('TerminationByKubelet'),
      },
      { terminated: { exitCode: 137, reason: 'Error' } },
    ),
    {
      phase: 'ended',
      cause: 'its node ran short of resources or shut down: The node was low on resource: memory.',
      kind: 'evicted',
    },
  ],
  [
    'preempted, and ending',
    onNode(
      { phase: 'Running', ...disrupted('PreemptionByScheduler') },
      { running: {} },
      { deletionTimestamp: '2026-01-01T00:10:05Z' },
    ),
    { phase: 'leaving', host: undefined, words: 'a Pod of higher priority took its place' },
  ],
  [
    'being deleted by somebody',
    onNode({ phase: 'Running', podIP: '10.0.0.7' }, { running: {} }, { deletionTimestamp: '2026-01-01T00:10:05Z' }),
    { phase: 'leaving', host: '10.0.0.7', words: 'its Pod is being deleted' },
  ],
  [
    'being deleted for long on a node that answers',
    onNode({ phase: 'Running' }, { running: {} }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    { phase: 'leaving', host: undefined, words: 'its Pod is being deleted' },
  ],
  [
    'being deleted for long on a node that is lost',
    onNode(
      { phase: 'Running', ...disrupted('DeletionByTaintManager') },
      { running: {} },
      { deletionTimestamp: '2026-01-01T00:09:00Z' },
    ),
    {
      phase: 'unreachable',
      cause: 'its node node-1 does not answer any more (its node was lost, or tainted so that it may not stay)',
    },
  ],
  [
    'deleted by comfleet for long on a node that fell silent, as its controller marks it',
    onNode(
      { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
      { running: {} },
      { deletionTimestamp: '2026-01-01T00:09:00Z' },
    ),
    { phase: 'unreachable', cause: 'its node node-1 does not answer any more' },
  ],
  [
    'deleted for long, and not ready as its kubelet says',
    onNode(
      { phase: 'Running', conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }] },
      { running: {} },
      { deletionTimestamp: '2026-01-01T00:09:00Z' },
    ),
    { phase: 'leaving', host: undefined, words: 'its Pod is being deleted' },
  ],
  [
    'its node fell silent a moment ago',
    onNode({ phase: 'Running', reason: 'NodeLost' }, { running: {} }, { deletionTimestamp: '2026-01-01T00:09:50Z' }),
    { phase: 'leaving', host: undefined, words: 'NodeLost' },
  ],
];

test.each(CASES)('a Pod %s', (_name, pod, view) => {
  expect(viewPod(pod, NOW)).toEqual(view);
});

test('times of a list are dates, and mean the same', () => {
  const pod = onNode({ reason: 'NodeLost' }, { running: {} }, { deletionTimestamp: new Date('2026-01-01T00:09:00Z') });
  expect(viewPod(pod, NOW).phase).toBe('unreachable');
});

test.each<[string, SeenPod, string, string]>([
  [
    'that ran',
    onNode({ phase: 'Running' }, { running: {} }),
    'its Pod comfleet-a was deleted, and not by comfleet',
    'ended',
  ],
  [
    'of a drained node',
    onNode(disrupted('EvictionByEvictionAPI')),
    'it was evicted, as when its node is drained',
    'evicted',
  ],
  ['of a node that is no more', onNode(disrupted('DeletionByPodGC')), 'its node is no more', 'evicted'],
  [
    'that had ended before',
    onNode({ phase: 'Failed' }, { terminated: { exitCode: 137, reason: 'OOMKilled' } }),
    'out of memory: the container took more than its limit (OOMKilled, exit code 137)',
    'out_of_memory',
  ],
])('a deleted Pod %s', (_name, pod, cause, kind) => {
  expect(explainDeleted(pod)).toMatchObject({ cause, kind });
});
