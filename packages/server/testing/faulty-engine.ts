// A Docker engine at which containers fare badly, for test/provider-faults.test.ts: the stand-in for the engine, and here what
// becomes of each container and of each call, drawn by seed. A container that runs is an emulator.

import { createRandom } from '../simulation/random.ts';
import { takeFleetId } from '../src/instances/instances.sql.ts';
import { createDockerProvider } from '../src/instances/providers/docker.ts';
import { readDockerSettings } from '../src/instances/providers/docker-settings.pure.ts';
import { createLog } from '../src/telemetry/log.ts';
import { type DockerStandin, startDockerStandin } from './docker-api.ts';
import type { StoredContainer } from './docker-world.ts';
import { createTally, type FaultyWorld, HARDWARE, STRUCK_SKU } from './faulty-world.ts';

const FATES = [
  ...(['runs', 'runs', 'ready, then gone', 'ready, then gone', 'ready, then gone', 'out of memory'] as const),
  ...(['ends at once', 'never ready', 'deleted by somebody'] as const),
] as const;
type Fate = (typeof FATES)[number];

interface Met {
  readonly fate: Fate;
  readonly lifeMs: number;
  readonly seenAt: number;
  hasStruck: boolean;
}

interface State {
  readonly engine: DockerStandin;
  readonly random: ReturnType<typeof createRandom>;
  readonly tally: ReturnType<typeof createTally>;
  readonly met: Map<string, Met>;
  isCalm: boolean;
}

const TICK_MS = 10;
const CALL_FAULT_EACH_TICK = 0.02;
const WATCH_MS = 3_000;
const LIMITED = 'limited:1';
const IMAGES = { [STRUCK_SKU]: 'emulator:1', NO_IMAGE: 'missing:1', LIMITED };
const RATE = 'toomanyrequests: You have reached your unauthenticated pull rate limit';

export async function createFaultyEngine(seed: number): Promise<FaultyWorld> {
  const engine = await startDockerStandin({ hasEmulators: true });
  engine.pulls.set(LIMITED, [{ status: `Pulling from library/${LIMITED}` }, { error: RATE }]);
  const state: State = {
    ...{ engine, random: createRandom(seed), tally: createTally(), met: new Map(), isCalm: false },
  };
  const timer = setInterval(() => tick(state), TICK_MS);
  const { containers } = engine.world;
  const pulls = (image: string) =>
    engine.urls.filter((url) => url.includes(`images/create?fromImage=${image.split(':')[0]}&`)).length;
  return {
    hopeless: [
      { sku: 'NO_IMAGE', says: /missing.*repository does not exist or may require/ },
      { sku: 'LIMITED', says: /toomanyrequests/ },
    ],
    hardware: Object.entries(IMAGES).map(([sku, image]) => ({
      ...{ ...HARDWARE, sku, provider: 'docker', docker: { image, host: engine.host, max_instances: 16 } },
    })),
    provider: ({ db, newId }) =>
      createDockerProvider({
        settings: new Map(Object.entries(IMAGES).map(([sku, image]) => [sku, settingsOf(engine, image)])),
        fleetId: () => takeFleetId(db, newId),
        log: createLog('silent'),
        environment: {},
        watchMs: WATCH_MS,
      }),
    strikes: () => state.tally.read(),
    countAsked: (sku) => pulls(sku === 'LIMITED' ? LIMITED : IMAGES.NO_IMAGE),
    standing: () => [...containers.values()].filter(({ status }) => status === 'running').map(({ name }) => name),
    left: () => engine.names(),
    calm() {
      state.isCalm = true;
    },
    async stop() {
      clearInterval(timer);
      await engine.stop();
    },
  };
}

function settingsOf({ host }: DockerStandin, image: string) {
  const problems: string[] = [];
  const settings = readDockerSettings({ image, host, max_instances: 16 }, 'docker', problems);
  if (settings === undefined) throw new Error(problems.join('\n'));
  return settings;
}

function tick(state: State): void {
  const { engine, met, random, isCalm } = state;
  for (const container of engine.world.containers.values()) {
    if (container.status === 'running') play(state, container, met.get(container.id) ?? meet(state, container));
  }
  if (!isCalm && random.next() < CALL_FAULT_EACH_TICK) troubleCalls(state);
}

function meet({ random, met, isCalm }: State, { id }: StoredContainer): Met {
  const drawn = FATES[random.index(FATES.length)] ?? 'runs';
  const lifeMs = drawn === 'ends at once' || drawn === 'never ready' ? 0 : random.between(100, 1_500);
  const one: Met = { fate: isCalm ? 'runs' : drawn, lifeMs, seenAt: performance.now(), hasStruck: false };
  met.set(id, one);
  return one;
}

function play({ engine, tally }: State, container: StoredContainer, one: Met): void {
  if (one.fate === 'runs' || one.hasStruck || performance.now() - one.seenAt < one.lifeMs) return;
  one.hasStruck = true;
  tally.count(one.fate);
  const { world } = engine;
  if (one.fate === 'never ready') {
    // It goes on without listening.
    void container.process?.stop();
    container.process = { port: container.process?.port ?? 0, stop: async () => undefined };
  } else if (one.fate === 'deleted by somebody') void world.drop(container.id);
  else if (one.fate === 'out of memory') void world.exit(container.id, { exitCode: 137, isOutOfMemory: true });
  else void world.exit(container.id, { exitCode: 1 });
}

const CALLS = [
  { call: 'POST containers/create', status: 500, message: 'no space left on device', most: 2 },
  { call: 'POST containers/create', status: 503, message: 'the engine restarts', most: 3 },
  { call: 'POST containers/create', status: 0, cutsAfterwards: true, most: 3 },
  { call: 'POST containers/start', status: 500, message: 'could not select device driver "" with [[gpu]]', most: 2 },
  {
    call: 'POST containers/start',
    status: 500,
    message: 'Bind for 127.0.0.1:49153 failed: port is already allocated',
    most: 3,
  },
  { call: 'POST containers/start', status: 0, cutsAfterwards: true, most: 3 },
  {
    call: 'POST containers/stop',
    status: 500,
    message: 'tried to kill container, but did not receive an exit event',
    most: 4,
  },
  {
    call: 'DELETE containers',
    status: 500,
    message: 'failed to remove root filesystem: device or resource busy',
    most: 8,
  },
  { call: 'DELETE containers', status: 409, message: 'removal of container is already in progress', most: 4 },
  { call: 'DELETE containers', status: 0, cutsAfterwards: true, most: 3 },
  { call: 'GET containers/json', status: 500, message: 'layer does not exist', most: 4 },
  { call: 'GET images/json', status: 500, message: 'layer does not exist', most: 2 },
] as const;

function troubleCalls({ engine, tally, random }: State): void {
  if (random.next() < 0.1) {
    tally.count('watch ended');
    if (random.next() < 0.5) engine.cutWatches();
    else engine.closeWatches();
    return;
  }
  const { most, ...drawn } = CALLS[random.index(CALLS.length)] ?? CALLS[0];
  const name = `${drawn.call} ${drawn.status === 0 ? 'answer lost' : drawn.status}`;
  if (tally.isArmed(name)) return;
  const fault = { ...drawn, times: 1 + random.index(most) };
  engine.fault(fault);
  tally.arm(name, fault);
}
