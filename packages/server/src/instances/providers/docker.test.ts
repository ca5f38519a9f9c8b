// Against a stand-in for a Docker engine, which speaks the real HTTP API through the real client library; its containers are
// emulators in this process. What a real engine does differently is in test/real-docker.test.ts.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DockerStandin, startDockerStandin } from '../../../testing/docker-api.ts';
import { describeProvider } from '../../../testing/provider-conformance.ts';
import { until } from '../../../testing/until.ts';
import { createLogTo } from '../../telemetry/log.ts';
import type { InstanceSpec, Provider } from '../provider.ts';
import { createDockerProvider } from './docker.ts';
import { containerName } from './docker-manifest.ts';
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
}

async function startProvider(
  more: object = {},
  { fleetId = 'fleet-1', environment = {}, watchMs = 60_000 }: Wish = {},
) {
  const told: string[] = [];
  const provider = createDockerProvider({
    settings: new Map([['GPU', settingsOf(more)]]),
    fleetId: async () => fleetId,
    log,
    environment,
    watchMs,
  });
  stops.push(() => provider.stop());
  await provider.start({
    onStarted: ({ id, baseUrl, spec }) => told.push(`started ${id} ${baseUrl} ${spec?.pool}`),
    onPending: (id, words) => told.push(`pending ${id} ${words}`),
    onGone: (id, cause, kind) => told.push(`gone ${id} ${kind}: ${cause}`),
  });
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
  const port = stored('a')?.port;
  expect(started).toBe(`started a http://127.0.0.1:${port} deployment:d-a`);
  expect((await fetch(`http://127.0.0.1:${port}/system_stats`)).status).toBe(200);
  await provider.remove?.('a');
  expect(told.filter((line) => /^(started|gone)/.test(line))).toEqual([started, 'gone a removed: removed']);
  expect(engine.names()).toEqual([]);
});

describeProvider('containers of an engine', async () => {
  const world = await startDockerStandin();
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
