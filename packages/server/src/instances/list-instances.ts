// What a deployment's owner sees of its instances: those of its pool that are asked for, starting, ready, busy, draining;
// of those that are there for everybody no more than is theirs to know. Called by routes.ts.
import { formatInstant, type Instance as InstanceBody } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import type { Deployment } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Versions } from '../workflows/versions.ts';
import type { AskedInstance, Fleet, Instance } from './fleet.ts';
import { findLastVersion } from './instances.sql.ts';
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
    readonly running: { readonly requestId: string; readonly accountId: string } | undefined;
  };
}

interface Reader {
  readonly id: string;
  readonly role: 'admin' | 'member';
}

/** What ran longer ago is taken to be unloaded. */
const LOADED_MS = 3_600_000;

export async function listInstances(
  deps: ListDeps,
  { account, deployment }: { account: Reader; deployment: Deployment },
): Promise<InstanceBody[]> {
  const { key } = deps.poolOf(deployment);
  const asked = deps.fleet.asked().filter(({ spec }) => spec.pool === key);
  const shown = deps.fleet.all().filter(({ pool }) => pool === key);
  const viewed = shown.map((instance) => view(deps, { account, deployment, instance }));
  return [...asked.map((each) => viewAsked(each)), ...(await Promise.all(viewed))];
}

function viewAsked({ id, spec, askedAt, words }: AskedInstance): InstanceBody {
  return {
    id,
    phase: 'starting',
    since: formatInstant(askedAt),
    provider: 'starting',
    hardware: spec.sku,
    loaded_models: [],
    reason: withoutAddresses(words ?? 'it was asked for'),
  };
}

async function view(
  deps: ListDeps,
  { account, deployment, instance }: { account: Reader; deployment: Deployment; instance: Instance },
): Promise<InstanceBody> {
  const { isBusy, running } = deps.workOn(instance.id);
  const reason = instance.reason ?? (instance.phase === 'ready' ? undefined : instance.connection.lastCause());
  // One that serves all accounts: its log may hold what other people's prompts made it say.
  const isOwn = instance.spec?.accountId === account.id;
  const logTail = isOwn || account.role === 'admin' ? await deps.fleet.logTail(instance) : undefined;
  return {
    id: instance.id,
    phase: phaseOf(instance, isBusy),
    since: formatInstant(instance.since),
    provider: instance.provider,
    hardware: deployment.row.hardware,
    loaded_models: instance.phase === 'ready' ? await listLoaded(deps, deployment.id, instance) : [],
    ...(running?.accountId === account.id ? { current_request_id: running.requestId } : {}),
    ...(reason === undefined ? {} : { reason: tell(reason, { isOwn, account }) }),
    ...(logTail === undefined ? {} : { log_tail: logTail }),
  };
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
