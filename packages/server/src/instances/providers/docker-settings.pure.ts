// How a SKU's instances are started as containers of a Docker engine: the `docker` of an entry of `hardware`, checked so that
// a mistake is found at the start and not by the first request. Pure; read by hardware-providers.ts.
import { ENV_FROM } from './service-secrets.pure.ts';
import {
  createFieldReader,
  type FieldReader,
  type FieldRule,
  isEnvName,
  isPath,
  isText,
} from './settings-fields.pure.ts';

export interface DockerSettings {
  readonly image: string;
  /** `unix:///…` or `tcp://…`; undefined: DOCKER_HOST, or the socket of this machine. */
  readonly host: string | undefined;
  /** A folder with ca.pem, cert.pem and key.pem; undefined: DOCKER_CERT_PATH, if DOCKER_HOST is used. */
  readonly certPath: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the service that are handed on. */
  readonly envFrom: readonly string[];
  readonly gpus: GpuWish;
  /** Device files, as AMD's GPUs need them. */
  readonly devices: readonly string[];
  readonly groupAdd: readonly string[];
  readonly mounts: readonly DockerMount[];
  readonly network: string;
  /** Without a way out of the machine. */
  readonly isInternal: boolean;
  /** How the service reaches an instance; undefined: as fits where the service runs. */
  readonly reach: 'published' | 'container' | undefined;
  /** The address of the engine's machine at which ports are published. */
  readonly publishOn: string;
  readonly port: number;
  /** Bytes; undefined: no limit. */
  readonly memory: number | undefined;
  readonly shmSize: number | undefined;
  readonly cpus: number | undefined;
  readonly pidsLimit: number;
  readonly pull: 'missing' | 'always' | 'never';
  readonly registry: { readonly username: string; readonly passwordFrom: string } | undefined;
  readonly user: string | undefined;
  readonly runtime: string | undefined;
  readonly capAdd: readonly string[];
  /** A small first process that hands signals on and collects what ended. */
  readonly hasInit: boolean;
  readonly stopGraceSeconds: number;
  readonly maxInstances: number;
  readonly labels: Readonly<Record<string, string>>;
}

export type GpuWish =
  | { readonly kind: 'none' }
  /** So many, chosen by the engine: always the same ones. */
  | { readonly kind: 'count'; readonly count: number | 'all' }
  /** `each` of them belong to one instance until it is gone. */
  | { readonly kind: 'pool'; readonly ids: readonly string[]; readonly each: number };

export interface DockerMount {
  /** An absolute path of the engine's machine, or the name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

export const DEFAULT_NETWORK = 'comfleet';
const DEFAULT_PORT = 8188;
const DEFAULT_PIDS = 4096;
const DEFAULT_GRACE_SECONDS = 10;
const LOOPBACK = '127.0.0.1';
/** A configuration that set them could make instances that nobody finds again. */
const OUR_PREFIX = 'dev.comfleet.';
/** Whoever has an engine's socket, or a folder with it, has the machine; read-only or not. */
const SOCKET = /\/(docker|podman|containerd)\.sock$|^(\/var)?(\/run(\/(docker|podman|containerd))?)?$/;

function opensMachine(path: string): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return SOCKET.test(parts.map((part) => `/${part}`).join(''));
}

const fits = (pattern: RegExp) => (text: string) => pattern.test(text);

const TEXT: FieldRule = { fits: isText, expected: 'a text' };
const IMAGE: FieldRule = {
  fits: fits(/^[a-z0-9][a-zA-Z0-9._\-/:]*(@sha256:[0-9a-f]{64})?$/),
  expected: 'an image such as "registry.example/comfyui:1"',
};
const HOST: FieldRule = {
  fits: fits(/^(unix:\/\/\/.+|tcp:\/\/[^/\s]+:\d+)$/),
  expected: '"unix:///var/run/docker.sock" or "tcp://gpu-1.example:2376"',
};
const PATH: FieldRule = { fits: isPath, expected: 'an absolute path without ".." and ":"' };
const ENV_NAME: FieldRule = { fits: isEnvName, expected: 'a name such as HF_HOME' };
const ENV_VALUE: FieldRule = { fits: (text) => !text.includes('\0'), expected: 'a text' };
const GPU: FieldRule = {
  fits: fits(/^[A-Za-z0-9=./:-]{1,100}$/),
  expected: 'the number or UUID of one as a text, such as "0"',
};
const SOURCE: FieldRule = {
  fits: (text) => (isPath(text) && !opensMachine(text)) || /^[A-Za-z0-9][\w.-]*$/.test(text),
  expected:
    'a folder of the machine such as "/srv/models", or the name of a volume; neither "/" nor what holds the engine\'s socket',
};
const NETWORK: FieldRule = {
  fits: (text) => /^[A-Za-z0-9][\w.-]*$/.test(text) && !['host', 'none', 'bridge', 'default'].includes(text),
  expected: `the name of a network of its own such as "${DEFAULT_NETWORK}" ("host" would open the whole machine to instances)`,
};
const ADDRESS: FieldRule = {
  fits: fits(/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]+)$/i),
  expected: `an address of the machine such as "${LOOPBACK}"`,
};
const SIZE: FieldRule = { fits: (text) => readSize(text) !== undefined, expected: 'a size such as "512m" or "16g"' };
const USER: FieldRule = { fits: fits(/^[\w.-]+(:[\w.-]+)?$/), expected: 'a user such as "1000" or "1000:1000"' };
const NAME: FieldRule = { fits: fits(/^[A-Za-z0-9][\w./-]*$/), expected: 'a name' };
const CAPABILITY: FieldRule = {
  fits: (text) => /^(CAP_)?[A-Z]+(_[A-Z]+)*$/.test(text) && text !== 'ALL' && text !== 'CAP_ALL',
  expected: 'a capability such as "CHOWN", and not "ALL"',
};
const LABEL: FieldRule = {
  fits: (text) => isText(text) && !text.startsWith(OUR_PREFIX),
  expected: `a label such as "org.example.team", and none of comfleet's own (${OUR_PREFIX}…)`,
};

const KEYS = [
  ...['image', 'host', 'cert_path', 'command', 'args', 'env', 'env_from', 'gpus', 'gpus_per_instance', 'devices'],
  ...['group_add', 'mounts', 'network', 'internal', 'reach', 'publish_on', 'port', 'memory', 'shm_size', 'cpus'],
  ...['pids_limit', 'pull', 'registry', 'user', 'runtime', 'cap_add', 'init', 'stop_grace_seconds', 'max_instances'],
  'labels',
];

/** Undefined, with the reasons added to `problems`, where something is wrong. `where` is the path to `value`. */
export function readDockerSettings(value: unknown, where: string, problems: string[]): DockerSettings | undefined {
  const found: string[] = [];
  const expected = 'an object such as {"image": "registry.example/comfyui:1"}';
  const reader = createFieldReader(value, { where, keys: KEYS, expected, problems: found });
  const settings = reader && readFields(reader);
  if (reader !== undefined && settings !== undefined) findContradictions(reader, settings);
  problems.push(...found);
  return found.length === 0 ? settings : undefined;
}

function readFields(reader: FieldReader): DockerSettings | undefined {
  const image = reader.text('image', IMAGE);
  if (image === undefined) {
    if (!reader.has('image')) reader.problem('image', 'is missing: name the image of a ComfyUI');
    return undefined;
  }
  return {
    image,
    host: reader.text('host', HOST),
    certPath: reader.text('cert_path', PATH),
    command: reader.list('command', TEXT),
    args: reader.list('args', TEXT),
    env: reader.map('env', ENV_NAME, ENV_VALUE),
    envFrom: reader.list('env_from', ENV_FROM) ?? [],
    mounts: reader.objects('mounts', ['source', 'target', 'read_only']).flatMap(readMount),
    pull: reader.choice('pull', ['missing', 'always', 'never']) ?? 'missing',
    registry: readRegistry(reader),
    user: reader.text('user', USER),
    capAdd: reader.list('cap_add', CAPABILITY) ?? [],
    hasInit: reader.flag('init') ?? true,
    stopGraceSeconds: reader.whole('stop_grace_seconds', { min: 0, max: 3600 }) ?? DEFAULT_GRACE_SECONDS,
    labels: reader.map('labels', LABEL, ENV_VALUE),
    ...readNetwork(reader),
    ...readResources(reader),
  };
}

function readNetwork(reader: FieldReader) {
  return {
    network: reader.text('network', NETWORK) ?? DEFAULT_NETWORK,
    isInternal: reader.flag('internal') ?? false,
    reach: reader.choice('reach', ['published', 'container']),
    publishOn: reader.text('publish_on', ADDRESS) ?? LOOPBACK,
    port: reader.whole('port', { min: 1, max: 65_535 }) ?? DEFAULT_PORT,
  };
}

function readResources(reader: FieldReader) {
  const gpus = readGpus(reader);
  const room = gpus.kind === 'pool' ? Math.floor(gpus.ids.length / gpus.each) : 1;
  return {
    gpus,
    devices: reader.list('devices', PATH) ?? [],
    groupAdd: reader.list('group_add', NAME) ?? [],
    memory: readSize(reader.text('memory', SIZE)),
    shmSize: readSize(reader.text('shm_size', SIZE)),
    cpus: reader.whole('cpus', { min: 1, max: 1024 }),
    pidsLimit: reader.whole('pids_limit', { min: 1, max: 2 ** 22 }) ?? DEFAULT_PIDS,
    runtime: reader.text('runtime', NAME),
    maxInstances: reader.whole('max_instances', { min: 1, max: 1000 }) ?? Math.max(room, 1),
  };
}

/** `2`, `"all"`, or `["0", "1"]`. */
function readGpus(reader: FieldReader): GpuWish {
  const value = reader.value('gpus');
  if (Array.isArray(value)) return readPool(reader);
  if (reader.has('gpus_per_instance')) {
    reader.problem('gpus_per_instance', 'is for a list of "gpus" such as ["0", "1"]');
  }
  if (typeof value === 'string') {
    return reader.choice('gpus', ['all']) ? { kind: 'count', count: 'all' } : { kind: 'none' };
  }
  const count = reader.whole('gpus', { min: 0, max: 64 }) ?? 0;
  return count === 0 ? { kind: 'none' } : { kind: 'count', count };
}

function readPool(reader: FieldReader): GpuWish {
  const ids = reader.list('gpus', GPU) ?? [];
  const each = reader.whole('gpus_per_instance', { min: 1, max: 64 }) ?? 1;
  if (new Set(ids).size < ids.length) reader.problem('gpus', 'one of them is there twice');
  if (ids.length > 0 && each > ids.length) {
    reader.problem('gpus_per_instance', `${each}: "gpus" has ${ids.length} only`);
  }
  return ids.length === 0 ? { kind: 'none' } : { kind: 'pool', ids, each };
}

function readMount(reader: FieldReader): DockerMount[] {
  const source = reader.text('source', SOURCE);
  const target = reader.text('target', PATH);
  const isReadOnly = reader.flag('read_only') ?? true;
  if (!reader.has('source')) reader.problem('source', 'is missing: a folder of the machine, or the name of a volume');
  if (!reader.has('target')) reader.problem('target', 'is missing: where it appears in the container');
  return source === undefined || target === undefined ? [] : [{ source, target, isReadOnly }];
}

function readRegistry(reader: FieldReader): DockerSettings['registry'] {
  if (!reader.has('registry')) return undefined;
  const expected = 'an object such as {"username": "me", "password_from": "REGISTRY_TOKEN"}';
  const registry = reader.within(reader.value('registry'), 'registry', ['username', 'password_from'], expected);
  const username = registry?.text('username', TEXT);
  const passwordFrom = registry?.text('password_from', ENV_NAME);
  if (registry === undefined) return undefined;
  if (!registry.has('username')) registry.problem('username', 'is missing');
  if (!registry.has('password_from')) {
    registry.problem('password_from', 'is missing: name the variable of the environment that holds the password');
  }
  return username === undefined || passwordFrom === undefined ? undefined : { username, passwordFrom };
}

function findContradictions(reader: FieldReader, settings: DockerSettings): void {
  const { host, certPath, isInternal, reach, publishOn, mounts } = settings;
  if (isInternal && reach === 'published') {
    reader.problem('reach', '"published": an internal network publishes no ports; take one of both out');
  }
  if (host?.startsWith('tcp://') && publishOn === LOOPBACK && reach !== 'container' && !isLoopback(host)) {
    reader.problem('publish_on', `is missing: the address of ${host} at which comfleet reaches published ports`);
  }
  if (certPath !== undefined && !host?.startsWith('tcp://')) {
    reader.problem('cert_path', 'is for a "host" such as "tcp://gpu-1.example:2376"');
  }
  const targets = mounts.map(({ target }) => target);
  if (new Set(targets).size < targets.length) reader.problem('mounts', 'two have the same target');
}

function isLoopback(host: string): boolean {
  return ['localhost', LOOPBACK, '[::1]'].includes(new URL(host).hostname);
}

const UNITS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes; as Docker writes sizes, and as Kubernetes does. */
export function readSize(text: string | undefined): number | undefined {
  const [, number, unit = 'b'] = /^(\d{1,15}(?:\.\d+)?)([bkmgt]?)(?:i?b?)?$/i.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.round(Number(number) * 1024 ** (UNITS[unit.toLowerCase()] ?? 0));
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
