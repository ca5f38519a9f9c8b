// What a deployment's owner sees of its instances: those of its pool that are asked for, starting, ready, busy, draining,
// and those that went lately; of those that are there for everybody no more than is theirs to know. Called by routes.ts.
import { formatInstant, type Instance as InstanceBody } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Versions } from '../workflows/versions.ts';
import { type Gpu, toGib } from './find-gpus.ts';
import type { AskedInstance, Fleet, Instance } from './fleet.ts';
import { findLastVersion } from './instances.sql.ts';
import { type Life, lastStep, measureLife } from './lifecycle.pure.ts';
import type { GoneInstance } from './lives.ts';
import { withoutAddresses } from './record-events.ts';

export interface ListDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly versions: Versions;
  readonly poolOf: (deployment: Deployment) => Pool;
  /** What dispatch has there. */
  readonly workOn: (instanceId: string) => {
    readonly isBusy: boolean;
    readonly idleSince: number | undefined;
    readonly running: { readonly requestId: string; readonly accountId: string } | undefined;
  };
}

interface Reader {
  readonly id: string;
  readonly role: 'admin' | 'member';
}

export interface Asker {
  readonly account: Reader;
  readonly deployment: Deployment;
}

/** What ran longer ago is taken to be unloaded. */
const LOADED_MS = 3_600_000;

export async function listInstances(deps: ListDeps, asker: Asker): Promise<InstanceBody[]> {
  const { key } = deps.poolOf(asker.deployment);
  const asked = deps.fleet.asked().filter(({ spec }) => spec.pool === key);
  const shown = deps.fleet.all().filter(({ pool }) => pool === key);
  const viewed = shown.map((instance) => view(deps, asker, instance));
  return [...asked.map((each) => viewAsked(each, asker.account, deps.clock.now())), ...(await Promise.all(viewed))];
}

/** Those that went lately, newest first; undefined where none are started. */
export async function listGoneInstances(deps: ListDeps, asker: Asker): Promise<InstanceBody[] | undefined> {
  const { key, isScaled } = deps.poolOf(asker.deployment);
  if (!isScaled) return undefined;
  const gone = await deps.fleet.listGone({ pool: key, accountId: asker.account.id });
  return gone.map(({ logTail, ...each }) => viewGone(each, asker.account));
}

export async function findInstance(deps: ListDeps, asker: Asker, id: string): Promise<InstanceBody | undefined> {
  const { key } = deps.poolOf(asker.deployment);
  const instance = deps.fleet.get(id);
  if (instance?.pool === key) return await view(deps, asker, instance);
  const asked = deps.fleet.asked().find((each) => each.id === id && each.spec.pool === key);
  if (asked) return viewAsked(asked, asker.account, deps.clock.now());
  const [gone] = await deps.fleet.listGone({ pool: key, accountId: asker.account.id, id });
  return gone && viewGone(gone, asker.account);
}

function viewAsked(
  { id, spec, provider, askedAt, words, ...so }: AskedInstance,
  account: Reader,
  now: number,
): InstanceBody {
  const reason = words ?? 'it was asked for';
  return {
    id,
    phase: 'starting',
    since: formatInstant(askedAt),
    provider: provider ?? 'none',
    hardware: spec.sku,
    loaded_models: [],
    reason: tell(reason, { isOwn: true, account }),
    ...viewLife(so, account, now),
  };
}

function viewGone(
  { id, provider, sku, goneAt, reason, logTail, ...so }: Viewed<GoneInstance>,
  account: Reader,
): InstanceBody {
  return {
    id,
    phase: 'gone',
    since: formatInstant(goneAt),
    provider,
    hardware: sku,
    loaded_models: [],
    reason: tell(reason, { isOwn: true, account }),
    ...viewLife(so, account, goneAt),
    ...(logTail === undefined ? {} : { log_tail: [...logTail] }),
  };
}

/** In a list the logs are left out. */
type Viewed<T extends { logTail: unknown }> = Omit<T, 'logTail'> & Partial<Pick<T, 'logTail'>>;

async function view(deps: ListDeps, { account, deployment }: Asker, instance: Instance): Promise<InstanceBody> {
  const { isBusy, idleSince, running } = deps.workOn(instance.id);
  const reason = instance.reason ?? (instance.phase === 'ready' ? undefined : instance.connection.lastCause());
  // One that serves all accounts: its log may hold what other people's prompts made it say, its life is the operator's.
  const isOwn = instance.spec?.accountId === account.id;
  const isTold = isOwn || account.role === 'admin';
  const logTail = isTold ? await deps.fleet.logTail(instance) : undefined;
  return {
    id: instance.id,
    phase: phaseOf(instance, isBusy),
    since: formatInstant((isBusy ? instance.busySince : undefined) ?? instance.since),
    provider: instance.provider,
    hardware: deployment.row.hardware,
    loaded_models: instance.phase === 'ready' ? await listLoaded(deps, deployment.id, instance) : [],
    ...(running?.accountId === account.id ? { current_request_id: running.requestId } : {}),
    ...(reason === undefined ? {} : { reason: tell(reason, { isOwn, account }) }),
    ...(instance.gpus?.length ? { gpus: instance.gpus.map(viewGpu) } : {}),
    ...(isTold ? viewLife({ ...instance, idleSince }, account, deps.clock.now()) : {}),
    ...(logTail === undefined ? {} : { log_tail: logTail }),
  };
}

function viewGpu({ name, vramBytes }: Gpu) {
  return { name, vram_gib: toGib(vramBytes) };
}

interface Lived {
  readonly life: Life;
  readonly busyMs: number;
  readonly busySince?: number | undefined;
  readonly idleSince?: number | undefined;
}

function viewLife(lived: Lived, account: Reader, now: number): Pick<InstanceBody, 'timeline' | 'durations'> {
  const { life, busyMs, busySince } = lived;
  const { setUpMs, runningMs, idleMs } = measureLife(life, { busyMs, busySince }, now);
  const timeline = [...life.steps, ...presentWork(lived)].map(({ phase, at, reason }) => ({
    phase,
    at: formatInstant(at),
    ...(reason === undefined ? {} : { reason: tell(reason, { isOwn: true, account }) }),
  }));
  const durations = {
    set_up_seconds: setUpMs / 1_000,
    running_seconds: runningMs / 1_000,
    idle_seconds: idleMs / 1_000,
  };
  return { timeline, durations };
}

/** Of the runs of a ready one, whether there is one now and since when. */
function presentWork({ life, busySince, idleSince }: Lived): { phase: 'busy' | 'idle'; at: number; reason?: string }[] {
  const { phase, at } = lastStep(life);
  if (phase !== 'ready') return [];
  if (busySince !== undefined) return [{ phase: 'busy', at: busySince, reason: 'it has requests' }];
  return [{ phase: 'idle', at: Math.max(at, idleSince ?? at), reason: 'nothing is given to it' }];
}

function phaseOf({ phase }: Instance, isBusy: boolean): InstanceBody['phase'] {
  if (phase === 'ready') return isBusy ? 'busy' : 'ready';
  return phase === 'lost' ? 'starting' : phase;
}

function tell(reason: string, { isOwn, account }: { isOwn: boolean; account: Reader }): string {
  if (account.role === 'admin') return reason;
  return isOwn ? withoutAddresses(reason) : 'it does not answer at the moment';
}

async function listLoaded({ db, clock, versions }: ListDeps, deploymentId: string, instance: Instance) {
  const since = Math.max(clock.now() - LOADED_MS, instance.since);
  const versionId = await findLastVersion(db, { deploymentId, instanceId: instance.id, since });
  const version = versionId === undefined ? undefined : await versions.load(versionId);
  const prepared = version?.compiled.prepare();
  return prepared === undefined || 'problems' in prepared ? [] : prepared.models();
}
