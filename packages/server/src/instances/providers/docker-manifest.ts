// An instance as a container: what is asked of the engine, and what makes the container known again to a later start. Called
// by docker.ts.
import { createHash } from 'node:crypto';
import type { ContainerCreateOptions, DeviceRequest, HostConfig } from 'dockerode';
import type { InstanceSpec } from '../provider.ts';
import type { DockerMount, DockerSettings } from './docker-settings.pure.ts';
import type { Reach, SeenContainer } from './docker-state.pure.ts';

const FLEET = 'dev.comfleet.fleet';
const SPEC = 'dev.comfleet.spec';
const REACH = 'dev.comfleet.reach';
const GPUS = 'dev.comfleet.gpus';

/** What is decided for one instance, beyond the settings of its SKU. */
export interface Placement {
  readonly fleetId: string;
  readonly reach: Reach;
  /** The ones that are its own. */
  readonly gpus: readonly string[];
  /** Of the service's environment, by name: what `env_from` hands on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function containerName(instanceId: string): string {
  const isFit = /^[A-Za-z0-9][\w.-]{0,99}$/.test(instanceId);
  return `comfleet-${isFit ? instanceId : createHash('sha256').update(instanceId).digest('hex').slice(0, 40)}`;
}

/** As the engine filters by it. */
export function labelOfFleet(fleetId: string): string {
  return `${FLEET}=${fleetId}`;
}

export function labelsOfNetwork(fleetId: string): Record<string, string> {
  return { [FLEET]: fleetId };
}

/** What a container was made for, and with; undefined where it is none of this fleet's. */
export function readLabels(container: SeenContainer, fleetId: string): Made | undefined {
  const labels = container.Config?.Labels ?? {};
  if (labels[FLEET] !== fleetId) return undefined;
  try {
    const spec: Partial<Record<keyof InstanceSpec, unknown>> = JSON.parse(labels[SPEC] ?? '');
    const reach: Partial<Record<keyof Reach, unknown>> = JSON.parse(labels[REACH] ?? '');
    const { id, pool, accountId, deploymentId, sku, fingerprint } = spec;
    const isWhole =
      [id, pool, accountId, deploymentId, sku, fingerprint, reach.network].every((part) => typeof part === 'string') &&
      typeof reach.port === 'number';
    const gpus = (labels[GPUS] ?? '').split(' ').filter((gpu) => gpu !== '');
    return isWhole ? { spec: spec as InstanceSpec, reach: reach as Reach, gpus } : undefined;
  } catch {
    return undefined; // somebody else's, with the same label
  }
}

export interface Made {
  readonly spec: InstanceSpec;
  readonly reach: Reach;
  readonly gpus: readonly string[];
}

export function makeContainer(
  spec: InstanceSpec,
  settings: DockerSettings,
  placement: Placement,
): ContainerCreateOptions {
  const { image, command, args, user, port } = settings;
  return {
    Image: image,
    ...(command !== undefined && { Entrypoint: [...command] }),
    ...(args !== undefined && { Cmd: [...args] }),
    ...(user !== undefined && { User: user }),
    Env: makeEnvironment(settings, placement),
    Labels: {
      ...settings.labels,
      [FLEET]: placement.fleetId,
      'dev.comfleet.instance': spec.id,
      'dev.comfleet.account': spec.accountId,
      'dev.comfleet.deployment': spec.deploymentId,
      'dev.comfleet.sku': spec.sku,
      [SPEC]: JSON.stringify(spec),
      [REACH]: JSON.stringify(placement.reach),
      [GPUS]: placement.gpus.join(' '),
    },
    ExposedPorts: { [`${port}/tcp`]: {} },
    StopTimeout: settings.stopGraceSeconds,
    HostConfig: makeHostConfig(settings, placement),
  };
}

function makeEnvironment({ env, envFrom }: DockerSettings, { environment }: Placement): string[] {
  const handedOn = envFrom.map((name): [string, string] => [name, environment[name] ?? '']);
  return [...handedOn, ...Object.entries(env)].map(([name, value]) => `${name}=${value}`);
}

/** One that fills the disk with its log takes all others with it. */
const LOG = { Type: 'json-file', Config: { 'max-size': '16m', 'max-file': '2' } };

function makeHostConfig(settings: DockerSettings, { reach, gpus }: Placement): HostConfig {
  const { memory, shmSize, cpus, runtime, capAdd, devices, groupAdd, port } = settings;
  const requests = requestGpus(settings, gpus);
  return {
    NetworkMode: reach.network,
    // Any free port: the engine chooses.
    ...(reach.publishedAt !== undefined && {
      PortBindings: { [`${port}/tcp`]: [{ HostIp: reach.publishedAt, HostPort: '' }] },
    }),
    // One that ended has lost what it was doing: whether another is needed is for the scaler to say.
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    Privileged: false,
    CapDrop: ['ALL'],
    ...(capAdd.length > 0 && { CapAdd: [...capAdd] }),
    SecurityOpt: ['no-new-privileges'],
    PidsLimit: settings.pidsLimit,
    Init: settings.hasInit,
    LogConfig: LOG,
    Mounts: settings.mounts.map(makeMount),
    ...(requests.length > 0 && { DeviceRequests: requests }),
    ...(devices.length > 0 && {
      Devices: devices.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })),
    }),
    ...(groupAdd.length > 0 && { GroupAdd: [...groupAdd] }),
    // The same for both: swapping ends nowhere.
    ...(memory !== undefined && { Memory: memory, MemorySwap: memory }),
    ...(shmSize !== undefined && { ShmSize: shmSize }),
    ...(cpus !== undefined && { NanoCpus: cpus * 1e9 }),
    ...(runtime !== undefined && { Runtime: runtime }),
  };
}

function requestGpus({ gpus }: DockerSettings, own: readonly string[]): DeviceRequest[] {
  const Capabilities = [['gpu']];
  if (gpus.kind === 'none') return [];
  if (gpus.kind === 'pool') return [{ DeviceIDs: [...own], Capabilities }];
  return [{ Count: gpus.count === 'all' ? -1 : gpus.count, Capabilities }];
}

/** As a mount, not a bind of the old form: that would make a missing folder, as root, instead of saying so. */
function makeMount({ source, target, isReadOnly }: DockerMount) {
  const Type = source.startsWith('/') ? ('bind' as const) : ('volume' as const);
  return { Type, Source: source, Target: target, ReadOnly: isReadOnly };
}
