// The calls to a Docker engine that instances need, through its kept client: each with a time-out, and tried again where the
// connection broke. Called by docker.ts and its neighbours.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { ContainerCreateOptions, DockerOptions } from 'dockerode';
import { describeError } from '../../telemetry/log.ts';
import { isPassing, pauseMs, readFailure } from './docker-error.pure.ts';
import { readLog, readMessages } from './docker-lines.ts';
import { chooseVersion, splitImage } from './docker-names.pure.ts';
import type { PullMessage, SeenContainer } from './docker-state.pure.ts';
import { serviceEnvironment } from './process-environment.ts';

/** The client library: an optional peer, loaded by the first provider that needs it. */
export type Library = typeof Dockerode;

/** What to install; kept equal to package.json by a test. */
export const CLIENT_PACKAGE = 'dockerode@5.0.1';

export interface EnginePlace {
  readonly host: string | undefined;
  readonly certPath: string | undefined;
}

export interface PullWish {
  readonly image: string;
  readonly login: { readonly username: string; readonly password: string } | undefined;
  readonly signal: AbortSignal;
  readonly onMessage: (message: PullMessage) => void;
}

export type SeenNetwork = Dockerode.NetworkInspectInfo;

export interface EngineInfo {
  readonly OSType?: string;
  readonly MemTotal?: number;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
}

/** One engine. What is not there is `undefined`, or no error to remove. */
export interface DockerApi {
  /** For a person. */
  readonly engine: string;
  hasImage(image: string): Promise<boolean>;
  /** Resolves at the end of the stream, whatever it said. */
  pull(wish: PullWish): Promise<void>;
  createContainer(name: string, body: ContainerCreateOptions, signal: AbortSignal): Promise<void>;
  startContainer(name: string, signal: AbortSignal): Promise<void>;
  readContainer(name: string): Promise<SeenContainer | undefined>;
  stopContainer(name: string, graceSeconds: number): Promise<void>;
  removeContainer(name: string): Promise<void>;
  readLog(name: string, lines: number): Promise<string[]>;
  listContainers(label: string): Promise<string[]>;
  /** Calls `onOpen` when they come, and `onEvent` with the name of the container; resolves when the engine ends them. */
  followEvents(label: string, wish: EventWish): Promise<void>;
  readNetwork(name: string): Promise<SeenNetwork | undefined>;
  createNetwork(body: Dockerode.NetworkCreateOptions): Promise<void>;
  joinNetwork(network: string, containerId: string): Promise<void>;
  info(): Promise<EngineInfo>;
}

export interface EventWish {
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onEvent: (container: string) => void;
}

const CALL_MS = 15_000;
/** Starting one with GPUs, and removing one with many files, take longest. */
const SLOW_CALL_MS = 120_000;
const TRIES = 4;

export async function loadLibrary(load: () => Promise<Library> = async () => (await import('dockerode')).default) {
  try {
    return await load();
  } catch (error) {
    const remedy = `npm install --no-save --omit=dev ${CLIENT_PACKAGE}`;
    const message = `hardware with "docker" needs the Docker client, which is not installed: ${remedy}`;
    throw new Error(`${message} (${describeError(error).error})`, { cause: error });
  }
}

/** The engine of the settings, or that of DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or that of this machine. */
export function optionsOf({ host, certPath }: EnginePlace): { options: DockerOptions; engine: string } {
  if (host === undefined) {
    return { options: {}, engine: serviceEnvironment()['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock' };
  }
  // All of them are said: the client takes what is left out from the environment.
  const none = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  if (host.startsWith('unix://')) {
    return { options: { ...none, protocol: 'http', socketPath: host.slice('unix://'.length) }, engine: host };
  }
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  const file = (name: string) => readFileSync(join(certPath ?? '', name));
  const tls = certPath === undefined ? {} : { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') };
  const protocol = certPath === undefined ? 'http' : 'https';
  return { options: { ...none, socketPath: undefined, protocol, host: hostname, port, ...tls }, engine: host };
}

export function createDockerApi(Library: Library, place: EnginePlace): DockerApi {
  const { options, engine } = optionsOf(place);
  let agreed: Promise<Dockerode> | undefined;
  /** The client for the version that both speak; asked for once it answers. */
  async function client(): Promise<Dockerode> {
    agreed ??= persevere(() => limited((docker) => docker.version(), new Library(options), {})).then(
      (version) => new Library({ ...options, version: chooseVersion(version) }),
    );
    agreed.catch(() => {
      agreed = undefined;
    });
    return await agreed;
  }
  const call = async <T>(make: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>, wish: CallWish = {}) => {
    const docker = await client();
    return await persevere(() => limited(make, docker, wish));
  };
  return {
    engine,
    ...imageCalls(call, client),
    ...containerCalls(call),
    ...networkCalls(call),
    async followEvents(label, { signal, onOpen, onEvent }) {
      const docker = await client();
      const filters = { type: ['container'], label: [label], event: ['create', 'start', 'die', 'destroy'] };
      const stream = await docker.getEvents({ filters, abortSignal: signal } as Dockerode.GetEventsOptions);
      onOpen();
      for await (const { Actor } of readMessages(stream)) {
        const attributes = isRecord(Actor) && isRecord(Actor['Attributes']) ? Actor['Attributes'] : {};
        if (typeof attributes['name'] === 'string') onEvent(attributes['name']);
      }
    },
    info: () => call((docker): Promise<EngineInfo> => docker.info()),
  };
}

interface CallWish {
  readonly ms?: number;
  readonly signal?: AbortSignal;
}

type Call = <T>(make: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>, wish?: CallWish) => Promise<T>;

// Some calls of the client take no signal: then nobody waits for them any longer.
async function limited<T>(
  make: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>,
  docker: Dockerode,
  { ms = CALL_MS, signal }: CallWish,
): Promise<T> {
  const timeout = AbortSignal.timeout(ms);
  const any = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  any.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const give = () => reject(any.reason);
    any.addEventListener('abort', give, { once: true });
    make(docker, any)
      .then(resolve, (error) => reject(any.aborted ? any.reason : error))
      .finally(() => any.removeEventListener('abort', give));
  });
}

async function persevere<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES || !isPassing(readFailure(error))) throw error;
      await sleep(pauseMs(tries, Math.random()));
    }
  }
}

function imageCalls(call: Call, client: () => Promise<Dockerode>): Pick<DockerApi, 'hasImage' | 'pull'> {
  return {
    hasImage: async (image) => (await found(call((docker) => docker.getImage(image).inspect()))) !== undefined,
    async pull({ image, login, signal, onMessage }) {
      const docker = await client();
      // Kept apart: the client would send what belongs to the query in the body as well.
      const wish = { _query: splitImage(image), _body: {}, abortSignal: signal };
      const stream = await (login === undefined ? docker.createImage(wish) : docker.createImage(login, wish));
      for await (const message of readMessages(stream)) onMessage(message);
    },
  };
}

function containerCalls(call: Call) {
  const slow = { ms: SLOW_CALL_MS };
  return {
    async createContainer(name: string, body: ContainerCreateOptions, signal: AbortSignal) {
      await call(
        async (docker, abortSignal) => {
          // What the container gets must not be in a URL, which is logged.
          const wish = { _query: { name }, _body: body, abortSignal };
          await docker.createContainer(wish as ContainerCreateOptions);
        },
        { signal, ...slow },
      );
    },
    async startContainer(name: string, signal: AbortSignal) {
      const done = call((docker, abortSignal) => docker.getContainer(name).start({ abortSignal }), { signal, ...slow });
      await done.catch(unless(304));
    },
    readContainer: async (name: string): Promise<SeenContainer | undefined> =>
      await found(call((docker, abortSignal) => docker.getContainer(name).inspect({ abortSignal }))),
    async stopContainer(name: string, graceSeconds: number) {
      const wish = { _query: { t: graceSeconds }, _body: {} };
      const done = call((docker, abortSignal) => docker.getContainer(name).stop({ ...wish, abortSignal } as object), {
        ms: SLOW_CALL_MS + graceSeconds * 1000,
      });
      await done.catch(unless(304, 404));
    },
    async removeContainer(name: string) {
      const wish = { force: true, v: true };
      const done = call((docker, abortSignal) => docker.getContainer(name).remove({ ...wish, abortSignal }), slow);
      // 409: it is being removed already.
      await done.catch(unless(404, 409));
    },
    readLog: async (name: string, tail: number) =>
      await call(async (docker, abortSignal) => {
        const wish = { follow: false as const, stdout: true, stderr: true, tail, abortSignal };
        const framed: unknown = await docker.getContainer(name).logs(wish);
        return Buffer.isBuffer(framed) ? await readLog(framed, docker.modem.demuxStream.bind(docker.modem)) : [];
      }),
    listContainers: async (label: string) => {
      const wish = { all: true, filters: { label: [label] } };
      const all = await call((docker, abortSignal) => docker.listContainers({ ...wish, abortSignal }));
      return all.flatMap(({ Names }) => Names[0]?.replace(/^\//, '') ?? []);
    },
  };
}

function networkCalls(call: Call): Pick<DockerApi, 'readNetwork' | 'createNetwork' | 'joinNetwork'> {
  return {
    readNetwork: (name) => found(call((docker): Promise<SeenNetwork> => docker.getNetwork(name).inspect())),
    async createNetwork(body) {
      const wish = { _query: {}, _body: body };
      // 409: another was faster.
      await call((docker, abortSignal) => docker.createNetwork({ ...wish, abortSignal } as unknown as typeof body)) //
        .catch(unless(409));
    },
    async joinNetwork(network, containerId) {
      await call((docker) => docker.getNetwork(network).connect({ Container: containerId })).catch((error: unknown) => {
        if (!/already exists|already attached/i.test(readFailure(error).message)) throw error;
      });
    },
  };
}

async function found<T>(call: Promise<T>): Promise<T | undefined> {
  return await call.catch(unless(404));
}

function unless(...codes: number[]) {
  return (error: unknown): undefined => {
    const { code } = readFailure(error);
    if (code === undefined || !codes.includes(code)) throw error;
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}
