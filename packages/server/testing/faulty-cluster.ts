// A cluster in which Pods fare badly, for test/provider-faults.test.ts: the stand-in for the API server, and here what
// scheduler, kubelet and quota do to each Pod, drawn by seed. A Pod that runs is an emulator at an address of its own.

import { createRandom } from '../simulation/random.ts';
import { takeFleetId } from '../src/instances/instances.sql.ts';
import { createKubernetesProvider } from '../src/instances/providers/kubernetes.ts';
import { readKubernetesSettings } from '../src/instances/providers/kubernetes-settings.pure.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createTally, type FaultyWorld, HARDWARE, STRUCK_SKU } from './faulty-world.ts';
import { type KubernetesStandin, startKubernetesStandin } from './kubernetes-api.ts';
import { createPodProcesses, type PodProcesses } from './pod-processes.ts';

const FATES = [
  ...(['runs', 'runs', 'ready, then gone', 'ready, then gone', 'ready, then gone', 'never ready'] as const),
  ...(['never scheduled', 'image missing', 'bad image name', 'ends at once', 'out of memory'] as const),
  ...(['evicted', 'deleted by somebody', 'ends slowly', 'deletion fails', 'deletion fails'] as const),
] as const;
type Fate = (typeof FATES)[number];

interface Pod {
  readonly name: string;
  readonly fate: Fate;
  readonly lifeMs: number;
  readonly seenAt: number;
  hasStruck: boolean;
  deletedAt: number | undefined;
}

interface State {
  readonly cluster: KubernetesStandin;
  readonly random: ReturnType<typeof createRandom>;
  readonly tally: ReturnType<typeof createTally>;
  readonly processes: PodProcesses;
  readonly pods: Map<string, Pod>;
  readonly asked: Map<string, number>;
  isCalm: boolean;
}

const TICK_MS = 10;
const CALL_FAULT_EACH_TICK = 0.02;
const SLOW_END_MS = 1_200;
const MISSING = 'missing:1';
const QUOTA = 'pods "comfleet" is forbidden: exceeded quota: gpus, requested: 1, used: 8, limited: 8';

export async function createFaultyCluster(seed: number): Promise<FaultyWorld> {
  const cluster = await startKubernetesStandin();
  const usedUp = await startKubernetesStandin();
  usedUp.fault({
    call: 'POST pods',
    status: 403,
    reason: 'Forbidden',
    message: QUOTA,
    times: Number.POSITIVE_INFINITY,
  });
  const state: State = {
    ...{ cluster, random: createRandom(seed), tally: createTally(), processes: await createPodProcesses() },
    ...{ pods: new Map(), asked: new Map(), isCalm: false },
  };
  const timer = setInterval(() => tick(state), TICK_MS);
  const wishes = { [STRUCK_SKU]: {}, NO_IMAGE: { image: MISSING }, NO_QUOTA: { context: 'used up' } };
  return {
    hopeless: [
      { sku: 'NO_IMAGE', says: /ImagePullBackOff: Back-off pulling image \\?"missing:1/ },
      { sku: 'NO_QUOTA', says: /the quota of namespace comfy is used up/ },
    ],
    hardware: Object.keys(wishes).map((sku) => ({
      ...{ ...HARDWARE, sku, provider: 'kubernetes', kubernetes: { image: 'comfyui:1' } },
    })),
    provider: ({ db, newId }) =>
      createKubernetesProvider({
        settings: new Map(Object.entries(wishes).map(([sku, wish]) => [sku, settingsOf(state, wish)])),
        fleetId: () => takeFleetId(db, newId),
        now: Date.now,
        log: createLog('silent'),
        loadConfig: (library, context) => (context === undefined ? cluster : usedUp).loadConfig(library),
        watchSeconds: 5,
      }),
    strikes: () => state.tally.read(),
    countAsked: (sku) =>
      sku === 'NO_QUOTA' ? usedUp.calls.filter((call) => call === 'POST pods').length : (state.asked.get(sku) ?? 0),
    standing: () => cluster.names().filter((name) => cluster.pod(name)?.metadata.deletionTimestamp === undefined),
    left: () => [...cluster.names(), ...usedUp.names()],
    calm() {
      state.isCalm = true;
    },
    async stop() {
      clearInterval(timer);
      await state.processes.stop();
      await Promise.all([cluster.stop(), usedUp.stop()]);
    },
  };
}

function settingsOf({ cluster, processes }: State, wish: object) {
  const problems: string[] = [];
  const whole = { image: 'comfyui:1', namespace: cluster.namespace, port: processes.port, ...wish };
  const settings = readKubernetesSettings(whole, '', problems);
  if (settings === undefined) throw new Error(problems.join('\n'));
  return settings;
}

function tick(state: State): void {
  const { cluster, pods } = state;
  const names = new Set(cluster.names());
  for (const name of names) {
    const pod = pods.get(name) ?? meet(state, name);
    if (cluster.pod(name)?.metadata.deletionTimestamp === undefined) play(state, pod);
    else confirmEnd(state, pod);
  }
  // Deleted before they had a node, or by force.
  for (const [name, { hasStruck }] of pods) {
    if (names.has(name) || !hasStruck) continue;
    pods.delete(name);
    void state.processes.end(name);
  }
  if (!state.isCalm && state.random.next() < CALL_FAULT_EACH_TICK) troubleCalls(state);
}

function meet({ cluster, random, pods, asked, isCalm }: State, name: string): Pod {
  const { metadata, spec } = cluster.pod(name) ?? {};
  const sku = metadata?.labels?.['comfleet.dev/sku'] ?? '';
  asked.set(sku, (asked.get(sku) ?? 0) + 1);
  const drawn = FATES[random.index(FATES.length)] ?? 'runs';
  const isMissing = spec?.containers[0]?.image === MISSING;
  const fate = isMissing ? 'image missing' : isCalm ? 'runs' : drawn;
  const lifeMs = random.between(100, 1_500);
  const pod: Pod = { name, fate, lifeMs, seenAt: performance.now(), hasStruck: false, deletedAt: undefined };
  pods.set(name, pod);
  return pod;
}

const container = (state: object) => ({
  containerStatuses: [{ name: 'comfyui', image: '', imageID: '', ready: false, restartCount: 0, state }],
});
const UNSCHEDULABLE = {
  ...{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' },
  message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.',
};

/** What becomes of a Pod that never runs: its status, told once. */
const NEVER_RUNS: Partial<Record<Fate, object>> = {
  'never scheduled': { phase: 'Pending', conditions: [UNSCHEDULABLE] },
  'image missing': {
    ...{ phase: 'Pending' },
    ...container({ waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${MISSING}"` } }),
  },
  'bad image name': {
    ...{ phase: 'Pending' },
    ...container({ waiting: { reason: 'InvalidImageName', message: 'Failed to parse image name' } }),
  },
  'ends at once': {
    ...{ phase: 'Failed' },
    ...container({ terminated: { exitCode: 1, reason: 'Error', message: 'No CUDA GPUs are available' } }),
  },
};

/** How one ends that ran for a while. */
const ENDS: Partial<Record<Fate, object>> = {
  'ready, then gone': { phase: 'Failed', ...container({ terminated: { exitCode: 1, reason: 'Error' } }) },
  'out of memory': { phase: 'Failed', ...container({ terminated: { exitCode: 137, reason: 'OOMKilled' } }) },
  evicted: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
  'deleted by somebody': {},
};

function play(state: State, pod: Pod): void {
  const { cluster, processes, tally } = state;
  const { name, fate } = pod;
  const never = NEVER_RUNS[fate];
  if (never !== undefined && !pod.hasStruck) {
    pod.hasStruck = true;
    tally.count(fate);
    cluster.change(name, { ...(fate !== 'never scheduled' && { nodeName: 'node-1' }), status: never });
  }
  if (never !== undefined) return;
  if (!processes.has(name)) {
    if (fate === 'deletion fails') failDeletions(state, pod);
    if (fate === 'never ready') tally.count(fate);
    pod.hasStruck = fate === 'never ready';
    processes.begin(name, { isSilent: fate === 'never ready', onUp: (address) => tellRunning(state, pod, address) });
    return;
  }
  const end = ENDS[fate];
  if (end === undefined || pod.hasStruck || performance.now() - pod.seenAt < pod.lifeMs) return;
  pod.hasStruck = true;
  tally.count(fate);
  void processes.end(name).then(() => {
    if (fate === 'deleted by somebody') cluster.vanish(name);
    else if (cluster.pod(name) !== undefined) cluster.change(name, { status: end });
  });
}

function tellRunning({ cluster }: State, { name }: Pod, address: string): void {
  const { metadata } = cluster.pod(name) ?? {};
  if (metadata !== undefined && metadata.deletionTimestamp === undefined) cluster.run(name, address);
}

/** Each deletion is tried five times at once, and again after a while. */
function failDeletions({ cluster, tally, random }: State, { name }: Pod): void {
  const [status, reason] = random.next() < 0.5 ? [500, 'InternalError'] : [429, 'TooManyRequests'];
  const headers = status === 429 ? { 'retry-after': '0' } : {};
  const fault = { call: `DELETE pods/${name}`, status, reason, headers, times: 4 + random.index(9) };
  cluster.fault(fault);
  tally.arm(`deletion refused (${status})`, fault);
}

/** The kubelet has ended what ran, and says so. */
function confirmEnd(state: State, pod: Pod): void {
  const isFirst = pod.deletedAt === undefined;
  pod.deletedAt ??= performance.now();
  const isSlow = pod.fate === 'ends slowly';
  if (isSlow && isFirst) state.tally.count(pod.fate);
  if (performance.now() - pod.deletedAt < (isSlow ? SLOW_END_MS : 0)) return;
  state.pods.delete(pod.name);
  void state.processes.end(pod.name);
  state.cluster.vanish(pod.name);
}

const REFUSALS = [
  { status: 429, reason: 'TooManyRequests', headers: { 'retry-after': '0' }, most: 6 },
  { status: 403, reason: 'Forbidden', message: QUOTA, most: 2 },
  { status: 500, reason: 'InternalError', most: 6 },
  { status: 409, reason: 'Conflict', message: 'the object has been modified', most: 3 },
  { status: 0, cutsAfterwards: true, most: 6 },
] as const;

function troubleCalls({ cluster, tally, random }: State): void {
  const drawn = random.next();
  if (drawn < 0.7) {
    const { most, ...refusal } = REFUSALS[random.index(REFUSALS.length)] ?? REFUSALS[0];
    const name = refusal.status === 0 ? 'answer to a start lost' : `start refused (${refusal.status})`;
    if (tally.isArmed(name)) return;
    const fault = { call: 'POST pods', ...refusal, times: 1 + random.index(most) };
    cluster.fault(fault);
    tally.arm(name, fault);
    return;
  }
  if (drawn > 0.8) return;
  tally.count('watch ended');
  if (drawn < 0.73) cluster.expireWatches();
  else if (drawn < 0.76) cluster.closeWatches();
  else {
    const fault = { call: 'GET pods', status: 503, times: 1 + random.index(4) };
    cluster.fault(fault);
    tally.arm('list refused (503)', fault);
    cluster.cutWatches();
  }
}
