// A stand-in for a Docker engine: the real HTTP API (versioned paths, JSON streams, logs in frames, events, and what 304, 404
// and 409 mean), reached through the real client. What runs there is docker-world.ts; tests add faults.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ContainerCreateOptions, NetworkCreateOptions } from 'dockerode';
import {
  createDockerWorld,
  type DockerWorld,
  type EngineEvent,
  inspect,
  type StoredContainer,
  summarize,
} from './docker-world.ts';

export interface DockerFault {
  /** `POST containers/create`, `POST containers/start`, `GET containers/json`, `GET images` …: without the id. */
  readonly call: string;
  readonly status: number;
  readonly message?: string;
  /** Do it, and cut the connection instead of an answer. */
  readonly cutsAfterwards?: boolean;
  /** How often; once by default. */
  times?: number;
}

interface Call {
  readonly verb: string;
  readonly kind: string;
  readonly name: string;
  readonly action: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export type DockerStandin = Awaited<ReturnType<typeof startDockerStandin>>;

export async function startDockerStandin({ apiVersion = '1.47', hasEmulators = false } = {}) {
  const state = createState(apiVersion, hasEmulators);
  const { world, watches } = state;
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error) => send(response, refusal(500, String(error))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `tcp://127.0.0.1:${port}`,
    world,
    /** As `GET containers/json`, the version left out. */
    calls: state.calls,
    urls: state.urls,
    /** What the registry sends for an image; the last message may be an error. */
    pulls: state.pulls,
    pullHeaders: state.pullHeaders,
    info: state.info,
    fault: (fault: DockerFault) => void state.faults.push(fault),
    names: () => [...world.containers.values()].map(({ name }) => name),
    watches: () => watches.size,
    /** Nobody hears of what happens until they are let out again; what happened meanwhile is lost. */
    muteEvents(isMute: boolean) {
      state.isMute = isMute;
    },
    cutWatches: () => endAll(watches, (response) => response.destroy()),
    closeWatches: () => endAll(watches, (response) => response.end()),
    /** Lets pulls go on that wait at a `hold`. */
    releasePulls() {
      for (const release of state.held.splice(0)) release();
    },
    async stop() {
      endAll(watches, (response) => response.destroy());
      await world.clear();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function createState(apiVersion: string, hasEmulators: boolean) {
  const state = {
    apiVersion,
    world: createDockerWorld({ hasEmulators }),
    watches: new Set<ServerResponse>(),
    isMute: false,
    faults: [] as DockerFault[],
    calls: [] as string[],
    urls: [] as string[],
    pulls: new Map<string, (object | 'hold')[]>(),
    pullHeaders: [] as (string | undefined)[],
    held: [] as (() => void)[],
    info: { OSType: 'linux', MemTotal: 64 * 1024 ** 3, Runtimes: { runc: { path: 'runc' } } as object },
  };
  state.world.listeners.add((event: EngineEvent) => {
    if (state.isMute) return;
    for (const response of state.watches) response.write(`${JSON.stringify(event)}\n`);
  });
  return state;
}

type State = ReturnType<typeof createState>;

function endAll(watches: Set<ServerResponse>, end: (response: ServerResponse) => void): void {
  for (const response of watches) end(response);
  watches.clear();
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://standin');
  const [, version, rest = ''] = /^(?:\/v(\d+\.\d+))?\/(.*)$/.exec(pathname) ?? [];
  if (version !== undefined && Number(version.slice(2)) > Number(state.apiVersion.slice(2))) {
    const message = `client version ${version} is too new. Maximum supported API version is ${state.apiVersion}`;
    return await send(response, refusal(400, message));
  }
  const { method: verb = '', headers } = request;
  const call: Call = { verb, ...splitPath(rest), query, headers, body: await readBody(request) };
  const title = `${verb} ${[call.kind, call.action].filter((part) => part !== '').join('/')}`;
  state.calls.push(title);
  state.urls.push(request.url ?? '');
  const fault = takeFault(state, title);
  if (fault !== undefined && fault.cutsAfterwards !== true) {
    return await send(response, refusal(fault.status, fault.message ?? 'a fault of the test'));
  }
  const answered = await choose(state, call);
  if (fault === undefined) await send(response, answered);
  else response.destroy();
}

function splitPath(path: string): Pick<Call, 'kind' | 'name' | 'action'> {
  const parts = path.split('/').map(decodeURIComponent);
  const [kind = '', ...more] = parts;
  if (more.length === 1 && ['create', 'json'].includes(more[0] ?? '')) return { kind, name: '', action: more[0] ?? '' };
  const hasAction = more.length > 1;
  return { kind, name: (hasAction ? more.slice(0, -1) : more).join('/'), action: hasAction ? (more.at(-1) ?? '') : '' };
}

function takeFault({ faults }: State, title: string): DockerFault | undefined {
  const fault = faults.find(({ call }) => call === title);
  if (fault === undefined) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
  return fault;
}

async function choose(state: State, call: Call): Promise<Answer> {
  const { kind, action, verb } = call;
  if (kind === 'version') {
    return ok({ Version: '27.5.1', ApiVersion: state.apiVersion, MinAPIVersion: '1.24', Os: 'linux' });
  }
  if (kind === 'info') return ok(state.info);
  if (kind === 'events') return (response) => openWatch(state, response);
  if (kind === 'images') return action === 'create' ? pull(state, call) : readImage(state, call);
  if (kind === 'networks') return answerNetworks(state, call);
  if (kind !== 'containers') return refusal(404, 'page not found');
  if (verb === 'POST' && action === 'create') return create(state, call);
  if (action === 'json' && call.name === '') return list(state, call);
  const container = state.world.find(call.name);
  if (container === undefined) return refusal(404, `No such container: ${call.name}`);
  return await answerContainer(state.world, call, container);
}

async function answerContainer(world: DockerWorld, call: Call, container: StoredContainer): Promise<Answer> {
  const { verb, action, query } = call;
  const isRunning = container.status === 'running';
  if (action === 'json') return ok(inspect(container));
  if (action === 'logs') return (response) => sendLog(response, container, Number(query.get('tail')));
  if (action === 'start' || action === 'stop') {
    if (isRunning === (action === 'start')) return { status: 304 };
    await (action === 'start' ? world.run(container) : world.exit(container.id));
    return { status: 204 };
  }
  if (verb !== 'DELETE') return refusal(404, 'page not found');
  if (isRunning && query.get('force') !== 'true') {
    return refusal(409, `You cannot remove a running container ${container.id}. Stop the container before`);
  }
  await world.drop(container.id);
  return { status: 204 };
}

function create({ world }: State, { query, body }: Call): Answer {
  const name = query.get('name') ?? '';
  const wish = body as ContainerCreateOptions;
  const network = wish.HostConfig?.NetworkMode ?? '';
  const same = world.find(name);
  if (!world.images.has(wish.Image ?? '')) return refusal(404, `No such image: ${wish.Image}`);
  if (same !== undefined) {
    return refusal(409, `Conflict. The container name "/${name}" is already in use by container "${same.id}".`);
  }
  if (world.network(network) === undefined) return refusal(404, `network ${network} not found`);
  return { status: 201, body: { Id: world.add(name, wish).id, Warnings: [] } };
}

function list({ world }: State, { query }: Call): Answer {
  const filters: { label?: string[] } = JSON.parse(query.get('filters') ?? '{}');
  const isSelected = ({ body }: StoredContainer) =>
    (filters.label ?? []).every((label) => {
      const [key = '', value] = label.split('=');
      return body.Labels?.[key] === value;
    });
  const isListed = ({ status }: StoredContainer) => query.get('all') === 'true' || status === 'running';
  const all = [...world.containers.values()].filter(isListed);
  return { status: 200, body: all.filter(isSelected).map(summarize) };
}

/** Eight bytes before each piece: which output, and how long. */
function sendLog(response: ServerResponse, { log }: StoredContainer, tail: number): void {
  response.writeHead(200, { 'content-type': 'application/vnd.docker.multiplexed-stream' });
  for (const { stream, text } of log.slice(-tail)) {
    const header = Buffer.alloc(8);
    header.writeUInt8(stream === 'stdout' ? 1 : 2, 0);
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    response.write(header);
    response.write(text);
  }
  response.end();
}

function readImage({ world }: State, { name }: Call): Answer {
  if (!world.images.has(name)) return refusal(404, `No such image: ${name}`);
  return ok({ Id: `sha256:${'0'.repeat(64)}`, RepoTags: [name], Os: 'linux', Architecture: 'amd64', Size: 1 });
}

function pull(state: State, { query, headers }: Call): Answer {
  const repository = query.get('fromImage');
  const image = `${repository}:${query.get('tag')}`;
  const auth = headers['x-registry-auth'];
  state.pullHeaders.push(typeof auth === 'string' ? auth : undefined);
  const script = state.pulls.get(image);
  if (script === undefined) {
    const hint = "repository does not exist or may require 'docker login'";
    return refusal(404, `pull access denied for ${repository}, ${hint}: denied: requested access is denied`);
  }
  return async (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const message of script) {
      if (message === 'hold') await new Promise<void>((resolve) => state.held.push(resolve));
      else response.write(`${JSON.stringify(message)}\r\n`);
    }
    const last = script.at(-1);
    if (typeof last === 'object' && !('error' in last)) state.world.images.add(image);
    response.end();
  };
}

function answerNetworks({ world }: State, { verb, action, name, body }: Call): Answer {
  if (action === 'create') {
    const wish = body as NetworkCreateOptions;
    if (world.network(wish.Name)) return refusal(409, `network with name ${wish.Name} already exists`);
    return { status: 201, body: { Id: world.addNetwork(wish).id, Warning: '' } };
  }
  const network = world.network(name);
  if (network === undefined) return refusal(404, `network ${name} not found`);
  if (verb === 'POST' && action === 'connect') {
    const { Container = '' } = body as { Container?: string };
    world.find(Container)?.networks.add(network.body.Name);
    return { status: 200 };
  }
  const { Internal = false, Options = {}, Labels = {} } = network.body;
  const IPAM = { Driver: 'default', Options: {}, Config: [{ Subnet: '172.30.0.0/16', Gateway: '172.30.0.1' }] };
  return ok({ Name: network.body.Name, Id: network.id, Driver: 'bridge', Internal, Options, Labels, IPAM });
}

function openWatch({ watches }: State, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  watches.add(response);
  response.on('close', () => watches.delete(response));
}

/** What is answered: a status with or without JSON, or a stream. */
type Answer =
  | { readonly status: number; readonly body?: object }
  | ((response: ServerResponse) => void | Promise<void>);

function ok(body: object): Answer {
  return { status: 200, body };
}

function refusal(status: number, message: string): Answer {
  return { status, body: { message } };
}

async function send(response: ServerResponse, answered: Answer): Promise<void> {
  if (typeof answered === 'function') return await answered(response);
  const { status, body } = answered;
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}
