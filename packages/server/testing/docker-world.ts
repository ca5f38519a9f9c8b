// The world behind docker-api.ts, which is a stand-in for a Docker engine: images, networks, and containers that are emulators
// in this process, or, where nobody asks them anything, only listen. Tests play what else happens at an engine.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import type { ContainerCreateOptions, NetworkCreateOptions } from 'dockerode';

interface ContainerProcess {
  readonly port: number;
  stop(): Promise<void>;
}

export interface StoredContainer {
  readonly id: string;
  readonly name: string;
  readonly body: ContainerCreateOptions;
  status: 'created' | 'running' | 'exited' | 'removing';
  exitCode: number;
  isOutOfMemory: boolean;
  error: string;
  startedAt: string;
  finishedAt: string;
  process: ContainerProcess | undefined;
  readonly dir: string;
  readonly log: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  readonly networks: Set<string>;
}

export interface EngineEvent {
  readonly Type: 'container';
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
  readonly scope: 'local';
  readonly time: number;
  readonly timeNano: number;
}

export interface StoredNetwork {
  readonly id: string;
  readonly body: NetworkCreateOptions;
}

export type DockerWorld = ReturnType<typeof createDockerWorld>;

const NEVER = '0001-01-01T00:00:00Z';
/** Of a process that ends when it is told to. */
const TERMINATED = 143;

export function createDockerWorld({ hasEmulators }: { hasEmulators: boolean }) {
  const containers = new Map<string, StoredContainer>();
  const networks = new Map<string, StoredNetwork>();
  const listeners = new Set<(event: EngineEvent) => void>();

  function tell(container: StoredContainer, Action: string, more: Record<string, string> = {}): void {
    const { id: ID, name, body } = container;
    const now = Date.now();
    const Attributes = { ...body.Labels, image: body.Image ?? '', name, ...more };
    const times = { time: Math.floor(now / 1000), timeNano: now * 1e6 };
    for (const listener of listeners)
      listener({ Type: 'container', Action, Actor: { ID, Attributes }, scope: 'local', ...times });
  }

  const world = {
    containers,
    networks,
    listeners,
    images: new Set(['emulator:1']),
    find: (nameOrId: string) =>
      [...containers.values()].find(
        ({ name, id }) => name === nameOrId || (nameOrId.length >= 12 && id.startsWith(nameOrId)),
      ),
    network: (name: string) => [...networks.values()].find(({ id, body }) => body.Name === name || id === name),
    addNetwork(body: NetworkCreateOptions): StoredNetwork {
      const network = { id: randomId(), body };
      networks.set(network.id, network);
      return network;
    },
    add(name: string, body: ContainerCreateOptions): StoredContainer {
      const dir = mkdtempSync(join(tmpdir(), 'comfleet-container-'));
      const start = { status: 'created' as const, exitCode: 0, isOutOfMemory: false, error: '', startedAt: NEVER };
      const nothing = { finishedAt: NEVER, process: undefined, log: [] };
      const mode = body.HostConfig?.NetworkMode;
      const container = {
        id: randomId(),
        name,
        body,
        dir,
        ...start,
        ...nothing,
        networks: new Set(mode ? [mode] : []),
      };
      containers.set(container.id, container);
      tell(container, 'create');
      return container;
    },
    async run(container: StoredContainer): Promise<void> {
      container.process = await (hasEmulators ? runEmulator(container.dir) : listen());
      container.status = 'running';
      container.startedAt = new Date().toISOString();
      tell(container, 'start');
    },
    /** Its process ends, by itself or by force. */
    async exit(nameOrId: string, how: Partial<Pick<StoredContainer, 'exitCode' | 'isOutOfMemory' | 'error'>> = {}) {
      const container = world.find(nameOrId);
      if (container?.status !== 'running') return;
      await container.process?.stop();
      Object.assign(container, {
        exitCode: TERMINATED,
        ...how,
        status: 'exited',
        finishedAt: new Date().toISOString(),
      });
      if (container.isOutOfMemory) tell(container, 'oom');
      tell(container, 'die', { exitCode: String(container.exitCode) });
    },
    async drop(nameOrId: string): Promise<void> {
      const container = world.find(nameOrId);
      if (container === undefined) return;
      await world.exit(container.id, { exitCode: 137 });
      containers.delete(container.id);
      rmSync(container.dir, { recursive: true, force: true });
      tell(container, 'destroy');
    },
    async clear(): Promise<void> {
      listeners.clear();
      for (const id of [...containers.keys()]) await world.drop(id);
    },
  };
  return world;
}

async function runEmulator(baseDir: string): Promise<ContainerProcess> {
  const emulator = createEmulator({ baseDir, nullExec: true });
  return { port: (await emulator.start()).port, stop: () => emulator.stop() };
}

async function listen(): Promise<ContainerProcess> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port: (server.address() as AddressInfo).port, stop };
}

export function randomId(): string {
  return createHash('sha256').update(randomBytes(32)).digest('hex');
}

/** As GET /containers/{id}/json tells it. */
export function inspect(container: StoredContainer): object {
  const { id, name, body, status, exitCode, isOutOfMemory, error, startedAt, finishedAt, networks, process } =
    container;
  const isRunning = status === 'running';
  const [exposed = '8188/tcp'] = Object.keys(body.ExposedPorts ?? {});
  const bindings: { HostIp: string }[] | undefined = body.HostConfig?.PortBindings?.[exposed];
  const published = bindings?.map(({ HostIp }) => ({ HostIp, HostPort: String(process?.port) })) ?? null;
  const state = { Status: status, Running: isRunning, Paused: false, Restarting: false, Dead: false };
  const address = (index: number) => (isRunning ? `172.30.${index}.2` : '');
  return {
    Id: id,
    Name: `/${name}`,
    Created: new Date().toISOString(),
    Image: `sha256:${id}`,
    Path: 'python',
    Args: [],
    RestartCount: 0,
    Driver: 'overlay2',
    Platform: 'linux',
    State: {
      ...state,
      OOMKilled: isOutOfMemory,
      Pid: isRunning ? 4242 : 0,
      ExitCode: exitCode,
      Error: error,
      StartedAt: startedAt,
      FinishedAt: finishedAt,
    },
    Config: {
      Image: body.Image,
      Labels: body.Labels ?? {},
      Env: body.Env ?? [],
      ExposedPorts: body.ExposedPorts ?? {},
    },
    HostConfig: body.HostConfig ?? {},
    Mounts: [],
    NetworkSettings: {
      Ports: isRunning ? { [exposed]: published } : {},
      Networks: Object.fromEntries([...networks].map((network, index) => [network, { IPAddress: address(index) }])),
    },
  };
}

/** As GET /containers/json tells it. */
export function summarize({ id, name, body, status }: StoredContainer): object {
  const created = Math.floor(Date.now() / 1000);
  const labels = { Labels: body.Labels ?? {}, State: status, Status: status, Created: created };
  return {
    Id: id,
    Names: [`/${name}`],
    Image: body.Image,
    ImageID: `sha256:${id}`,
    Command: 'python',
    Ports: [],
    ...labels,
  };
}
