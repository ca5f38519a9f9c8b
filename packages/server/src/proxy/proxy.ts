// The parts of the instance proxy, made together: connections, owners, prompts and websockets, and what ends them.
// Made by app-door.ts; routes.ts serves with it.
import type { Authenticator } from '../accounts/authenticate.ts';
import type { Database } from '../db/database.ts';
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { WatchTimes } from '../execution/watch.ts';
import type { Fleet } from '../instances/fleet.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import type { ForwardDeps } from './forward.ts';
import type { OwnWorkDeps } from './own-work.ts';
import { deleteOldPrompts } from './owners.sql.ts';
import { createOwners } from './owners.ts';
import type { Policy } from './policy.pure.ts';
import { createPools } from './pools.ts';
import { createPrompts, type Prompts } from './prompts.ts';
import { createRoom, type Room } from './room.ts';
import { createSockets, type Sockets } from './sockets.ts';

export interface ProxyParts extends ForwardDeps, OwnWorkDeps {
  readonly fleet: Fleet;
  readonly directory: DeploymentDirectory;
  readonly policy: Policy;
  readonly prompts: Prompts;
  readonly sockets: Sockets;
  readonly bodyLimitBytes: number;
  readonly room: Room;
  readonly isBilled: boolean;
}

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly fleet: Fleet;
  readonly directory: DeploymentDirectory;
  readonly dispatcher: Dispatcher;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly watchTimes: WatchTimes;
  readonly config: {
    readonly proxyPolicy: Policy;
    readonly proxyBodyLimitBytes: number;
    readonly runTimeoutMs: number;
    readonly bodyLimitBytes: number;
    readonly billing: 'on' | 'off';
    readonly retentionDays: number;
  };
}

export interface InstanceProxy {
  readonly parts: ProxyParts;
  /** A deployment was disabled or deleted, or its account closed: what was opened through it ends. */
  endClosed(): Promise<void>;
  stop(): Promise<void>;
}

const SWEEP_MS = 3_600_000;
const DAY_MS = 86_400_000;
const nothing = () => undefined;

export function createProxy(deps: Deps): InstanceProxy {
  const { fleet, directory, dispatcher, config, authenticator } = deps;
  const pools = createPools();
  const owners = createOwners({
    db: deps.db,
    now: () => deps.clock.now(),
    promptsOn: (id) => dispatcher.workOn(id).prompts,
  });
  const sockets = createSockets({
    isRefused: async (header) => (await authenticator.authenticate(header)).kind === 'refused',
  });
  const prompts = createPrompts({
    ...deps,
    pools,
    owners,
    sockets,
    runTimeoutMs: config.runTimeoutMs,
    takeGuestPlace: dispatcher.takeGuestPlace,
    objectInfoOf: fleet.objectInfoOf,
    reportDeadWorker: fleet.reportDeadWorker,
  });
  const sweep = startSweep(deps);
  fleet.listen({
    onReady: nothing,
    onLost: nothing,
    onGone({ id }) {
      sockets.closeWhere(({ instanceId }) => instanceId === id, 'the instance is gone');
      prompts.endWhere(({ instanceId }) => instanceId === id);
      pools.drop(id);
    },
  });
  return {
    parts: {
      fleet,
      directory,
      policy: config.proxyPolicy,
      bodyLimitBytes: config.bodyLimitBytes,
      room: createRoom(config.bodyLimitBytes),
      isBilled: config.billing === 'on',
      maxBytes: config.proxyBodyLimitBytes,
      pools,
      owners,
      sockets,
      prompts,
      workOn: dispatcher.workOn,
    },
    async endClosed() {
      const ids = new Set([...sockets.deployments(), ...prompts.deployments()]);
      const found = await Promise.all([...ids].map((id) => directory.find(id)));
      const open = new Set(found.filter(isOpen).map((one) => one?.id));
      sockets.closeWhere(({ deploymentId }) => !open.has(deploymentId), 'the deployment is closed');
      prompts.endWhere(({ deploymentId }) => !open.has(deploymentId));
    },
    async stop() {
      clearInterval(sweep);
      sockets.stop();
      prompts.endWhere(() => true);
      await pools.stop();
    },
  };
}

function isOpen(deployment: Deployment | undefined): boolean | undefined {
  return deployment?.isEnabled && deployment.deletedAt === null && deployment.isAccountActive;
}

function startSweep({ db, clock, log, config }: Deps): NodeJS.Timeout {
  return setInterval(() => {
    const before = clock.now() - config.retentionDays * DAY_MS;
    deleteOldPrompts(db, before).catch((error: unknown) =>
      log.warn(describeError(error), 'old proxied prompts could not be forgotten'),
    );
  }, SWEEP_MS).unref();
}
