// What makes this process one of several on a database: the election of the brain, and what replicas tell each other.
// Made by app.ts when there is a DATABASE_URL; docs/replicas.md tells the whole of it.
import { networkInterfaces } from 'node:os';
import type { AppEngine } from './app-engine.ts';
import type { Brain } from './brain.ts';
import type { DatabaseLocation } from './db/connection.ts';
import type { Database } from './db/database.ts';
import type { Deposed, Fence } from './db/fence.ts';
import { createLeader, type Leader } from './db/leader.ts';
import { createNotices, type Notices } from './db/notices.ts';
import { createSendGuard, type SendGuard } from './execution/send-guard.ts';
import type { Log } from './telemetry/log.ts';

/** `acted`: the answer of the brain to `deployments`. */
export type NoticeTopic = 'requests' | 'cancels' | 'deployments' | 'acted';

export interface Replicas {
  readonly leader: Leader;
  readonly notices: Notices<NoticeTopic>;
  readonly sendGuard: SendGuard;
  readonly ownUrl: () => string;
}

interface Deps {
  readonly location: DatabaseLocation;
  readonly fence: Fence;
  readonly db: Database;
  readonly log: Log;
  /** Where the other replicas reach this one. */
  readonly ownUrl: () => string;
  readonly onElected: () => void;
  readonly onDeposed: (error: Deposed) => void;
}

export function createReplicas({ location, db, log, fence, ...deps }: Deps): Replicas {
  const leader = createLeader({ ...location, ...deps, fence, log });
  leader.onChange(() => {
    const other = leader.other();
    if (other) log.info({ term: other.term, url: other.url }, 'another replica is the brain: this one follows it');
  });
  return {
    leader,
    notices: createNotices<NoticeTopic>({ db, replicaId: fence.replicaId, log }),
    sendGuard: createSendGuard(leader),
    ownUrl: deps.ownUrl,
  };
}

/** Resolves when it is known who the brain is, and when it is this replica, once the work goes on here. */
export async function joinReplicas({ leader, notices }: Replicas, brain: Brain): Promise<void> {
  await notices.start();
  await leader.start();
  if (leader.isLeading()) await brain.start();
}

/** Whether somebody is there to hand the work over to. */
export async function hasOthers(replicas: Replicas | undefined): Promise<boolean> {
  if (!replicas?.leader.isLeading()) return false;
  return (await replicas.leader.countOthers().catch(() => 0)) > 0;
}

/** Where others reach what listens here: one that listens on all addresses is reached by the first that is not internal. */
export function advertisedUrl(listening: string): string {
  const url = new URL(listening);
  if (!/^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) return url.origin;
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = addresses.filter(({ internal }) => !internal);
  const chosen = outer.find(({ family }) => family === 'IPv4') ?? outer[0];
  if (chosen === undefined) return `http://127.0.0.1:${url.port}`;
  return `http://${chosen.family === 'IPv6' ? `[${chosen.address}]` : chosen.address}:${url.port}`;
}

const ACTED_WITHIN_MS = 2_000;

/** Connects what is told with what it means here. Gives what has to be awaited after deployments were changed here. */
export function connectNotices(
  { notices, leader }: Replicas,
  parts: { engine: AppEngine; brain: Brain; endClosedProxies: () => unknown; newId: () => string },
): () => Promise<void> {
  const { engine, brain, endClosedProxies, newId } = parts;
  const awaited = new Map<string, () => void>();
  notices.on('requests', (ids) => brain.takeIn.requests(ids));
  notices.on('cancels', (ids) => brain.takeIn.cancels(ids));
  notices.on('deployments', async (ids) => {
    engine.directory.forget();
    await endClosedProxies();
    if (!brain.isOn()) return;
    await engine.endOfRefused();
    for (const id of ids ?? []) notices.tell('acted', id);
  });
  notices.on('acted', (ids) => {
    for (const id of ids ?? []) awaited.get(id)?.();
  });
  // The brain is asked directly as a rule (replicas/policy.pure.ts); here it was told by the database only. A brain to
  // come reads what is written before it gives anything out.
  return async () => {
    if (brain.isOn() || leader.other() === undefined) return notices.tell('deployments');
    const id = newId();
    await new Promise<void>((resolve) => {
      awaited.set(id, resolve);
      setTimeout(resolve, ACTED_WITHIN_MS).unref();
      notices.tell('deployments', id);
    });
    awaited.delete(id);
  };
}
