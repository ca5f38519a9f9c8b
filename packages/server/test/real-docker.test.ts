// The Docker provider against a real engine: what containers may do, whom they reach, how they end. Runs when DOCKER_TEST_HOST
// names an engine, as unix:///var/run/docker.sock, that has an image with Node (DOCKER_TEST_IMAGE, or node:22-bookworm-slim).
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Docker from 'dockerode';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startAdminServer } from '../src/http/metrics-door.ts';
import type { InstanceSpec } from '../src/instances/provider.ts';
import { createDockerProvider } from '../src/instances/providers/docker.ts';
import { optionsOf } from '../src/instances/providers/docker-api.ts';
import { containerName } from '../src/instances/providers/docker-manifest.ts';
import { createNeighbours } from '../src/instances/providers/docker-neighbours.ts';
import { readDockerSettings } from '../src/instances/providers/docker-settings.pure.ts';
import { createLogTo } from '../src/telemetry/log.ts';
import { describeProvider } from '../testing/provider-conformance.ts';
import { until } from '../testing/until.ts';

const host = process.env['DOCKER_TEST_HOST'];
const image = process.env['DOCKER_TEST_IMAGE'] ?? 'node:22-bookworm-slim';
const run = randomBytes(4).toString('hex');
const fleetId = `test-${run}`;
const network = `comfleet-test-${run}`;
const log = createLogTo('silent', { write: () => undefined });
const stops: (() => Promise<void>)[] = [];

/** Answers what a script of the test wants to know. */
const SERVES = `
  const http = require('node:http');
  http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const value = await eval(text).then((value) => value, (error) => error.code ?? String(error));
    response.end(JSON.stringify(value));
  }).listen(8188, '0.0.0.0', () => console.log('listening'));`;

const reachScript = (address: string, port: number) => `new Promise((resolve) => {
  const socket = require('node:net').connect({ host: '${address}', port: ${port}, timeout: 2000 });
  socket.on('connect', () => resolve('reached')).on('timeout', () => resolve('silence'));
  socket.on('error', (error) => resolve(error.code));
})`;

function settingsOf(more: object) {
  const problems: string[] = [];
  const command = { command: ['node'], args: ['-e', SERVES] };
  const wish = { image, host, network, pull: 'never', max_instances: 5, stop_grace_seconds: 2, ...command, ...more };
  const settings = readDockerSettings(wish, 'docker', problems);
  if (settings === undefined) throw new Error(problems.join('\n'));
  return settings;
}

async function startProvider(more: object = {}) {
  const told: string[] = [];
  const urls = new Map<string, string>();
  const settings = new Map([['GPU', settingsOf(more)]]);
  const provider = createDockerProvider({ settings, fleetId: async () => fleetId, log, environment: { SECRET: 's' } });
  await provider.start({
    onStarted(made) {
      urls.set(made.id, made.baseUrl);
      told.push(`started ${made.id}`);
    },
    onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
  });
  const made: string[] = [];
  stops.push(async () => {
    for (const id of made) await provider.remove?.(id);
    await provider.stop();
  });
  return {
    provider,
    untilTold: (text: string) => until(text, () => told.find((line) => line.startsWith(text))),
    async create(name: string) {
      const id = `${name}-${run}`;
      made.push(id);
      const spec: InstanceSpec = { id, pool: 'p', accountId: 'a', deploymentId: 'd', sku: 'GPU', fingerprint: 'f' };
      await provider.create?.(spec);
      return id;
    },
    /** The value of an expression inside of the instance; a promise is waited for. */
    ask: async (id: string, script: string): Promise<unknown> =>
      await until('it answers', () =>
        fetch(String(urls.get(id)), { method: 'POST', body: script, signal: AbortSignal.timeout(5_000) }).then(
          (answer) => answer.json(),
          () => undefined,
        ),
      ),
  };
}

describe.runIf(host)('a real engine', () => {
  const docker = new Docker(optionsOf({ host, certPath: undefined }).options);

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(async () => {
    for (const name of [network, `${network}-closed`])
      await docker
        .getNetwork(name)
        .remove()
        .catch(() => undefined);
  });

  it('gives an instance no privileges, and nothing of the service', async () => {
    const { create, untilTold, ask } = await startProvider({ user: '1000:1000', memory: '512m', shm_size: '256m' });
    const id = await create('plain');
    await untilTold(`started ${id}`);
    const status = String(await ask(id, "require('node:fs/promises').readFile('/proc/self/status', 'utf8')"));
    expect(status).toMatch(/CapEff:\s0+\n/);
    expect(status).toMatch(/CapBnd:\s0+\n/);
    expect(status).toMatch(/NoNewPrivs:\s1\n/);
    expect(status).toMatch(/Uid:\s1000\s/);
    const env = Object.keys((await ask(id, 'Promise.resolve(process.env)')) as object);
    expect(env.filter((name) => /SECRET|COMFLEET|DATABASE|DOCKER/.test(name))).toEqual([]);
  });

  it('keeps instances from each other, and from what listens on the machine alone', async () => {
    const { create, untilTold, ask } = await startProvider();
    const [a, b] = [await create('one'), await create('two')];
    for (const id of [a, b]) await untilTold(`started ${id}`);
    const { NetworkSettings } = await docker.getContainer(containerName(b)).inspect();
    const neighbour = NetworkSettings.Networks[network];
    expect(await ask(a, reachScript(neighbour?.IPAddress ?? '', 8188))).toMatch(/silence|EHOSTUNREACH|ECONNREFUSED/);
    const onLoopback = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => onLoopback.listen(0, '127.0.0.1', resolve));
    const address = onLoopback.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await ask(a, reachScript(neighbour?.Gateway ?? '', port))).toMatch(/silence|EHOSTUNREACH|ECONNREFUSED/);
    onLoopback.close();
    const isRefused = createNeighbours({ settings: [settingsOf({})], log, now: Date.now });
    const read = async () => ({ text: 'metrics', contentType: 'text/plain' });
    const admin = await startAdminServer({ host: '0.0.0.0', port: 0, read, notReady: () => undefined, isRefused });
    const { port: adminPort } = new URL(admin.url);
    expect((await fetch(`http://127.0.0.1:${adminPort}/metrics`)).status).toBe(200);
    const fetched = (url: string) => `fetch('${url}').then(({ status }) => status, ({ cause }) => cause.code)`;
    expect(await ask(a, fetched(`http://${neighbour?.Gateway}:${adminPort}/metrics`))).toBe('UND_ERR_SOCKET');
    await admin.stop();
  });

  it('reaches an instance in a network that has no way out', async () => {
    const { create, untilTold, ask } = await startProvider({ network: `${network}-closed`, internal: true });
    const id = await create('closed');
    await untilTold(`started ${id}`);
    expect(await ask(id, 'Promise.resolve(process.pid > 0)')).toBe(true);
    const { Internal, Driver } = await docker.getNetwork(`${network}-closed`).inspect();
    expect({ Internal, Driver }).toEqual({ Internal: true, Driver: 'bridge' });
  });

  it.each([
    [
      'memory',
      'setInterval(() => (globalThis.a ??= []).push(Buffer.alloc(2e7, 1)), 2)',
      'out_of_memory: out of memory',
    ],
    [
      'exit',
      'console.error("no CUDA"); process.exit(3)',
      'ended: the container ended with exit code 3; its last words: no CUDA',
    ],
  ])('says how one ended: %s', async (name, script, words) => {
    const { create, untilTold } = await startProvider({ memory: '150m', args: ['-e', script] });
    const id = await create(name);
    await untilTold(`gone ${id} ${words}`);
  });

  it.each([
    ['command', { command: ['/nope'], init: false }, 'the command cannot be run'],
    ['mount', { mounts: [{ source: '/nope/models', target: '/models' }] }, 'what "mounts" names is not there'],
    ['user', { user: 'nobody-here' }, 'the image does not know that "user"'],
    ['runtime', { runtime: 'nope' }, 'the engine does not know that "runtime"'],
    ['device', { devices: ['/dev/nope'] }, 'a file of "devices" is not there'],
    ['absent', { image: 'comfleet-test/absent:1' }, 'is not at the engine, and "pull" is "never"'],
    ['registry', { image: 'registry.invalid/absent:1', pull: 'missing' }, 'the engine cannot reach the registry'],
  ])('says in words why one cannot be started: %s', async (name, more, words) => {
    const { create, untilTold } = await startProvider(more);
    const id = await create(name);
    expect(await untilTold(`gone ${id} not_started: `)).toContain(words);
    await expect(docker.getContainer(containerName(id)).inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('goes on with what an earlier start had made and not started', async () => {
    const { create, untilTold, provider } = await startProvider();
    const id = await create('left');
    await untilTold(`started ${id}`);
    await provider.stop();
    await docker.getContainer(containerName(id)).stop({ t: 0 });
    const next = await startProvider();
    await next.untilTold(`gone ${id} `);
  });

  describeProvider('containers of a real engine', async () => {
    const settings = new Map([
      ['GPU', settingsOf({})],
      ['BAD', settingsOf({ command: ['/nope'], init: false })],
    ]);
    return {
      sku: 'GPU',
      badSku: 'BAD',
      survivesStop: true,
      open: async () => {
        const provider = createDockerProvider({ settings, fleetId: async () => fleetId, log, environment: {} });
        stops.push(() => provider.stop());
        return provider;
      },
      kill: async (id) => await docker.getContainer(containerName(id)).kill(),
      close: async () => undefined,
    };
  });
});
