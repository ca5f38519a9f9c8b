// Against a stand-in for a Docker engine, which speaks the real HTTP API through the real client library; its containers are
// emulators in this process. What a real engine does differently is in test/real-docker.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DockerStandin, startDockerStandin } from '../../../testing/docker-api.ts';
import { describeProvider } from '../../../testing/provider-conformance.ts';
import { until } from '../../../testing/until.ts';
import { createLogTo } from '../../telemetry/log.ts';
import type { InstanceSpec, Provider } from '../provider.ts';
import { createDockerProvider } from './docker.ts';
import { CLIENT_PACKAGE } from './docker-api.ts';
import { containerName } from './docker-manifest.ts';
import { createNeighbours } from './docker-neighbours.ts';
import { readDockerSettings } from './docker-settings.pure.ts';

let engine: DockerStandin;
let stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  engine = await startDockerStandin();
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
  await engine.stop();
});

const log = createLogTo('silent', { write: () => undefined });

function specOf(id: string, sku = 'GPU'): InstanceSpec {
  return { id, pool: `deployment:d-${id}`, accountId: 'account', deploymentId: `d-${id}`, sku, fingerprint: 'v1 GPU' };
}

function settingsOf(more: object, host = engine.host) {
  const problems: string[] = [];
  const wish = { image: 'emulator:1', host, max_instances: 5, ...more };
  const settings = readDockerSettings(wish, 'docker', problems);
  if (settings === undefined) throw new Error(problems.join('\n'));
  return settings;
}

interface Wish {
  readonly fleetId?: string;
  readonly environment?: Record<string, string>;
  readonly watchMs?: number;
  readonly mountInfo?: string;
}

async function startProvider(
  more: object = {},
  { fleetId = 'fleet-1', environment = {}, watchMs = 60_000, ...place }: Wish = {},
) {
  const told: string[] = [];
  let isStarted = false;
  const provider = createDockerProvider({
    settings: new Map([['GPU', settingsOf(more)]]),
    fleetId: async () => fleetId,
    log,
    environment,
    watchMs,
    ...place,
  });
  stops.push(() => provider.stop());
  await provider.start({
    onStarted: ({ id, baseUrl, spec }) => told.push(`started ${id} ${baseUrl} ${spec?.pool}`),
    onPending: (id, words) => told.push(`pending ${id} ${words}`),
    onListed: () => isStarted && told.push('listed'), // only what comes after the start is news
    onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
  });
  isStarted = true;
  const untilTold = (text: string) =>
    until(`${text} among ${told.join('; ')}`, () => told.find((line) => line.startsWith(text)));
  return { provider, told, untilTold, ends: (id: string) => told.filter((line) => line.startsWith(`gone ${id}`)) };
}

const create = (provider: Provider, id: string) => provider.create?.(specOf(id)) ?? Promise.reject(new Error('absent'));
const stored = (id: string) => engine.world.find(containerName(id));

test('a container that runs is a started instance with a published port, and a removed one is gone, each told once', async () => {
  const { provider, told, untilTold } = await startProvider();
  await create(provider, 'a');
  const started = await untilTold('started a ');
  expect(started).toBe(`started a http://127.0.0.1:${stored('a')?.process?.port} deployment:d-a`);
  await provider.remove?.('a');
  expect(told.filter((line) => /^(started|gone)/.test(line))).toEqual([started, 'gone a removed: removed']);
  expect(engine.names()).toEqual([]);
});

test('a container is made for one instance, with no privileges and nothing of the service in it', async () => {
  process.env['COMFLEET_ADMIN_TOKEN'] = 'a secret';
  const more = { env: { HF_HOME: '/models' }, env_from: ['HF_TOKEN'], gpus: 'all', memory: '1g', user: '1000' };
  const mounts = [{ source: '/srv/models', target: '/models' }];
  const environment = { HF_TOKEN: 'hf', DATABASE_URL: 'postgres://secret' };
  const { provider, untilTold } = await startProvider({ ...more, mounts }, { environment });
  await create(provider, 'a');
  await untilTold('started a');
  delete process.env['COMFLEET_ADMIN_TOKEN'];
  const { Env, User, Labels, HostConfig } = stored('a')?.body ?? {};
  expect(Env).toEqual(['HF_TOKEN=hf', 'HF_HOME=/models']);
  expect(User).toBe('1000');
  expect(Labels).toMatchObject({ 'dev.comfleet.fleet': 'fleet-1', 'dev.comfleet.instance': 'a' });
  expect(HostConfig).toMatchObject({
    ...{ Privileged: false, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], NetworkMode: 'comfleet' },
    PortBindings: { '8188/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
    ...{ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, Memory: 1024 ** 3, MemorySwap: 1024 ** 3 },
    DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }],
    Mounts: [{ Type: 'bind', Source: '/srv/models', Target: '/models', ReadOnly: true }],
  });
  expect(engine.world.network('comfleet')?.body).toMatchObject({
    ...{ Driver: 'bridge', Internal: false },
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  // A URL is logged: what a container gets belongs into the body.
  expect(engine.urls.filter((url) => url.includes('HF_')).join()).toBe('');
});

test('an internal network has no way out, and its instances are reached at their own address', async () => {
  const { provider, untilTold } = await startProvider({ network: 'closed', internal: true });
  await create(provider, 'a');
  expect(await untilTold('started a')).toBe('started a http://172.30.0.2:8188 deployment:d-a');
  expect(engine.world.network('closed')?.body).toMatchObject({ Internal: true });
  expect(stored('a')?.body.HostConfig?.PortBindings).toBeUndefined();
});

test.each(['bridge', 'host'])(
  'a service in a container joins the network of its instances, unless it is in that of the %s',
  async (mode) => {
    engine.world.addNetwork({ Name: mode });
    const own = engine.world.add('service', { Image: 'emulator:1', HostConfig: { NetworkMode: mode } });
    const mountInfo = join(own.dir, 'mountinfo');
    writeFileSync(
      mountInfo,
      `812 801 254:1 /var/lib/docker/containers/${own.id}/hosts /etc/hosts rw - ext4 /dev/vda1 rw`,
    );
    const { provider, untilTold } = await startProvider({}, { mountInfo });
    await create(provider, 'a');
    const baseUrl = mode === 'host' ? 'http://127.0.0.1:' : 'http://172.30.0.2:8188';
    expect(await untilTold('started a')).toContain(baseUrl);
    expect([...own.networks]).toEqual(mode === 'host' ? ['host'] : ['bridge', 'comfleet']);
  },
);

test('a network that is there already is used, unless it is open where it should be internal', async () => {
  engine.world.addNetwork({ Name: 'comfleet', Internal: false });
  const { provider, untilTold } = await startProvider({ internal: true });
  await create(provider, 'a');
  await untilTold('gone a not_started: the network comfleet is there and not internal: set "internal" so');
  expect(engine.names()).toEqual([]);
});

test('GPUs of a list belong to one instance each, also after a restart of the service', async () => {
  const gpus = ['0', '1'];
  const before = await startProvider({ gpus });
  await create(before.provider, 'a');
  await before.untilTold('started a');
  expect(before.provider.roomFor?.('GPU', [specOf('b')])).toMatchObject({ left: 0, because: expect.any(String) });
  await before.provider.stop();
  const { provider, untilTold } = await startProvider({ gpus });
  await create(provider, 'b');
  await untilTold('started b');
  await expect(create(provider, 'c')).rejects.toThrow('no GPU is free: 0, 1 have instances');
  const given = ['a', 'b'].map((id) => stored(id)?.body.HostConfig?.DeviceRequests?.[0]?.DeviceIDs);
  expect(given).toEqual([['0'], ['1']]);
});

test('what ended is told with its kind, its log is kept, and its container is removed', async () => {
  const { provider, untilTold, ends } = await startProvider();
  await create(provider, 'a');
  await untilTold('started a');
  const lines = ['loading\r\n', 'Traceback:\n  File', ' "main.py"\nCUDA out of memory\n'];
  for (const [index, text] of lines.entries())
    stored('a')?.log.push({ stream: index === 1 ? 'stderr' : 'stdout', text });
  await engine.world.exit(containerName('a'), { exitCode: 1 });
  await untilTold('gone a ended: the container ended with exit code 1; its last words: CUDA out of memory');
  expect(await provider.logTail?.('a')).toEqual(['loading', 'Traceback:', '  File "main.py"', 'CUDA out of memory']);
  expect(engine.names()).toEqual([]);
  expect(ends('a')).toHaveLength(1);
});

test('memory that ran out is told as that', async () => {
  const { provider, untilTold } = await startProvider();
  await create(provider, 'a');
  await untilTold('started a');
  await engine.world.exit(containerName('a'), { exitCode: 137, isOutOfMemory: true });
  await untilTold('gone a out_of_memory: out of memory: the container took more than its limit (OOMKilled');
});

test('a container that somebody removed is gone', async () => {
  const { provider, untilTold } = await startProvider();
  await create(provider, 'a');
  await untilTold('started a');
  await engine.world.drop(containerName('a'));
  await untilTold('gone a ended: ');
});

test('an image that is missing is pulled, and how far it is is told', async () => {
  const layer = (current: number) => ({ status: 'Downloading', id: 'l1', progressDetail: { current, total: 4e9 } });
  engine.pulls.set('registry.example/comfyui:2', [layer(0), layer(1e9), 'hold', layer(4e9), { status: 'Done' }]);
  const registry = { username: 'me', password_from: 'TOKEN' };
  const more = { image: 'registry.example/comfyui:2', registry };
  const { provider, told, untilTold } = await startProvider(more, { environment: { TOKEN: 'pass' } });
  await create(provider, 'a');
  await untilTold('pending a pulling the image registry.example/comfyui:2: 25 % of 4.0 GB');
  engine.releasePulls();
  await untilTold('started a');
  expect(told[0]).toBe('pending a pulling the image registry.example/comfyui:2');
  const [auth = ''] = engine.pullHeaders;
  expect(JSON.parse(Buffer.from(auth ?? '', 'base64url').toString())).toEqual({ username: 'me', password: 'pass' });
});

test('one that is not wanted any more ends its pull', async () => {
  engine.pulls.set('comfyui:2', ['hold']);
  const { provider, told, untilTold } = await startProvider({ image: 'comfyui:2' });
  await create(provider, 'a');
  await untilTold('pending a');
  await provider.remove?.('a');
  expect(told.at(-1)).toBe('gone a removed: removed');
  engine.releasePulls();
});

test.each([
  [[{ error: 'toomanyrequests: You have reached your pull rate limit' }], 'the registry limits how often'],
  [[{ error: 'manifest for comfyui:2 not found: manifest unknown' }], 'the registry has no such tag'],
  [[{ errorDetail: { message: 'unauthorized: authentication required' } }], 'the name is wrong, or "registry" of the'],
  [[{ status: 'Pulling' }, { error: 'no space left on device' }], 'the disk of the engine is full'],
  [undefined, 'the name is wrong, or "registry" of the hardware has to log in: pull access denied for comfyui'],
])('a pull that ends with %j is a start that failed, in words', async (messages, words) => {
  if (messages !== undefined) engine.pulls.set('comfyui:2', messages);
  const { provider, untilTold } = await startProvider({ image: 'comfyui:2' });
  await create(provider, 'a');
  expect(await untilTold('gone a not_started: the image comfyui:2 could not be pulled: ')).toContain(words);
});

test.each([
  [500, 'could not select device driver "" with capabilities: [[gpu]]', 'install the NVIDIA Container Toolkit there'],
  [500, 'OCI runtime create failed: exec: "/nope": stat /nope: no such file or directory', 'the command cannot be run'],
  [400, 'Unknown runtime specified nvidia', 'the engine does not know that "runtime"'],
])(
  'a start that the engine refuses with %i %s ends in words, and leaves no container',
  async (status, message, words) => {
    const { provider, untilTold, ends } = await startProvider();
    engine.fault({ call: 'POST containers/start', status, message });
    await create(provider, 'a');
    expect(await untilTold('gone a not_started: ')).toContain(`${words}: ${message}`);
    expect(engine.names()).toEqual([]);
    expect(ends('a')).toHaveLength(1);
  },
);

test('a port that another took meanwhile is tried again', async () => {
  const { provider, untilTold } = await startProvider();
  const message = 'driver failed: Bind for 127.0.0.1:32768 failed: port is already allocated';
  engine.fault({ call: 'POST containers/start', status: 500, message, times: 2 });
  await create(provider, 'a');
  await untilTold('started a');
  expect(engine.calls.filter((call) => call === 'POST containers/start')).toHaveLength(3);
});

test.each(['create', 'start'])(
  'an answer to %s that is lost makes no second container and no refusal',
  async (action) => {
    const { provider, untilTold } = await startProvider();
    engine.fault({ call: `POST containers/${action}`, status: 0, cutsAfterwards: true });
    await create(provider, 'a');
    await untilTold('started a');
    expect(engine.names()).toEqual([containerName('a')]);
  },
);

test('a name that is taken by a container of somebody else is a start that failed', async () => {
  const { provider, untilTold } = await startProvider();
  engine.world.add(containerName('a'), { Image: 'emulator:1' });
  await create(provider, 'a');
  await untilTold(
    `gone a not_started: the engine has a container ${containerName('a')} already, and it is not of this`,
  );
});

test('what a start of the service left before its container ran is gone on with; what is of another fleet is left alone', async () => {
  const earlier = await startProvider();
  await create(earlier.provider, 'a');
  await earlier.untilTold('started a');
  await earlier.provider.stop();
  const body = stored('a')?.body ?? {};
  await engine.world.drop(containerName('a'));
  engine.world.add(containerName('a'), body);
  const other = await startProvider({}, { fleetId: 'fleet-2' });
  expect(other.told).toEqual([]);
  const { untilTold } = await startProvider();
  await untilTold('started a');
});

test.each(['cutWatches', 'closeWatches'] as const)(
  'what happened while nobody was heard is told once after %s',
  async (end) => {
    const { provider, told, untilTold, ends } = await startProvider();
    for (const id of ['stays', 'goes']) await create(provider, id);
    for (const id of ['stays', 'goes']) await untilTold(`started ${id}`);
    expect(engine.calls.filter((call) => call === 'POST networks/create')).toHaveLength(1);
    engine.muteEvents(true);
    await engine.world.exit(containerName('goes'), { exitCode: 3 });
    engine.muteEvents(false);
    engine[end]();
    await untilTold('gone goes ended: the container ended with exit code 3');
    await until('events are listened to', () => engine.watches() > 0);
    expect(told.filter((line) => line.startsWith('started stays'))).toHaveLength(1);
    expect(ends('stays')).toEqual([]);
  },
);

test('a connection that is dead without saying so is noticed', async () => {
  const { provider, untilTold } = await startProvider({}, { watchMs: 200 });
  await create(provider, 'a');
  await untilTold('started a');
  engine.muteEvents(true);
  await engine.world.exit(containerName('a'), { exitCode: 3 });
  await untilTold('gone a ended');
});

test('a removal that failed is made good when it is asked for again', async () => {
  const { provider, told, untilTold } = await startProvider();
  await create(provider, 'a');
  await untilTold('started a');
  engine.fault({
    call: 'DELETE containers',
    status: 500,
    message: 'driver "overlay2" failed to remove root filesystem',
  });
  await expect(provider.remove?.('a')).rejects.toThrow('failed to remove root filesystem');
  await provider.remove?.('a');
  expect(told.at(-1)).toBe('gone a removed: removed');
  expect(engine.names()).toEqual([]);
});

test('check() tells what the engine cannot do, and what is not set', async () => {
  const more = { runtime: 'nvidia', memory: '128g', env_from: ['HF_TOKEN'], image: 'absent:1', pull: 'never' };
  const { provider } = await startProvider(more);
  expect(await provider.check?.()).toEqual([
    { sku: 'GPU', says: '"memory" is 131072 MB, and the machine has 65536 MB' },
    { sku: 'GPU', says: 'the engine has no runtime "nvidia"; it has runc' },
    { sku: 'GPU', says: 'the image absent:1 is not at the engine, and "pull" is "never"' },
    { sku: 'GPU', says: 'the variable HF_TOKEN is not set' },
  ]);
  await expect(create(provider, 'a')).rejects.toThrow('the variable HF_TOKEN is not set');
});

test('an engine that is not there is told by start, create and check, without keeping the service from starting', async () => {
  const { provider } = await startProvider({ host: 'unix:///nowhere/docker.sock' });
  const words = 'the Docker engine at unix:///nowhere/docker.sock does not answer: it is not there';
  await expect(create(provider, 'a')).rejects.toMatchObject({
    name: 'StartRefused',
    message: expect.stringContaining(words),
  });
  expect(await provider.check?.()).toEqual([{ sku: 'GPU', says: expect.stringContaining(words) }]);
});

test('what an engine runs that comes back after the start is not taken for gone, and told before it counts as listed', async () => {
  const before = await startProvider();
  await create(before.provider, 'a');
  await before.untilTold('started a');
  await before.provider.stop();
  const path = join(mkdtempSync(join(tmpdir(), 'comfleet-docker-')), 'docker.sock');
  const { provider, told, untilTold } = await startProvider({ host: `unix://${path}` });
  expect([provider.isListed?.(), told]).toEqual([false, []]);
  const relay = createServer((from) => {
    const to = connect(Number(new URL(engine.host).port), '127.0.0.1');
    for (const socket of [from, to]) socket.on('error', () => undefined);
    from.pipe(to).pipe(from);
  }).listen(path);
  await untilTold('listed');
  expect([provider.isListed?.(), told]).toEqual([true, [expect.stringMatching(/^started a /), 'listed']]);
  await provider.stop();
  relay.close();
  rmSync(dirname(path), { recursive: true });
});

test('addresses of instances are known from their networks, also when the engine is gone later', async () => {
  const { provider, untilTold } = await startProvider();
  await create(provider, 'a');
  await untilTold('started a');
  let now = 0;
  const isInstance = createNeighbours({ settings: [settingsOf({})], log, now: () => now });
  const asked = ['172.30.0.2', '::ffff:172.30.7.9', '172.30.0.1', '172.31.0.2', '127.0.0.1', '::1', 'fd00::1'];
  const judged = [true, true, false, false, false, false, false];
  expect(await Promise.all(asked.map(isInstance))).toEqual(judged);
  engine.fault({ call: 'GET networks', status: 500, times: 9 });
  now = 60_000;
  expect(await Promise.all(asked.map(isInstance))).toEqual(judged);
});

test('hardware that no "docker" is said of is refused by name', async () => {
  const { provider } = await startProvider();
  await expect(provider.create?.(specOf('a', 'OTHER'))).rejects.toThrow('no "docker" for the hardware "OTHER"');
});

test('a package that is not installed is named, with the way to install it', async () => {
  const loadLibrary = () => Promise.reject(new Error('Cannot find package'));
  const provider = createDockerProvider({ settings: new Map(), fleetId: async () => 'f', log, loadLibrary });
  const words = `npm install --no-save --omit=dev ${CLIENT_PACKAGE}`;
  expect(await provider.check?.()).toEqual([{ sku: undefined, says: expect.stringContaining(words) }]);
  await expect(provider.start({ onStarted: () => undefined, onGone: () => undefined })).rejects.toThrow(words);
});

describeProvider('containers of an engine', async () => {
  const world = await startDockerStandin({ hasEmulators: true });
  const settings = new Map([
    ['GPU', settingsOf({}, world.host)],
    ['BAD', settingsOf({ image: 'absent:1', pull: 'never' }, world.host)],
  ]);
  return {
    sku: 'GPU',
    badSku: 'BAD',
    survivesStop: true,
    open: async () => {
      const provider = createDockerProvider({ settings, fleetId: async () => 'fleet-1', log, environment: {} });
      stops.push(() => provider.stop());
      return provider;
    },
    kill: async (id) => await world.world.exit(containerName(id), { exitCode: 1 }),
    close: async () => await world.stop(),
  };
});
