// R11: the object store answers 5xx, hangs, breaks off, loses what it acknowledged, says that an object is missing, or names
// another ETag, for single calls and for bursts of them. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Campaign, Scene } from './campaign.ts';
import { waitUntil } from './child-process.ts';
import type { ObjectStore, StoreFault } from './object-store.ts';

const FAILS = { status: 500, code: 'InternalError' };
const BUSY = { status: 503, code: 'SlowDown' };

const WRITES = [FAILS, BUSY, 'reset', 'reset-after', 'hang'] as const;
/** Of each operation, what it may do. That an object is there and a reader is told it is not, nobody could find out. */
const FAULTS: Readonly<Record<string, readonly StoreFault['how'][]>> = {
  put: [...WRITES, 'lose', 'wrong-etag'],
  head: [FAILS, BUSY, 'reset', 'hang', 'lose', 'wrong-etag'],
  get: [FAILS, BUSY, 'truncate', 'drip', 'reset', 'hang', 'wrong-etag'],
  'start-upload': WRITES,
  'put-part': WRITES,
  complete: WRITES,
};
const KINDS = Object.values(FAULTS).flat().length;
/**
 * Each in one hand. An upload in parts needs all three of its calls: were one of them always bad, the store would be away
 * for it for longer than it is waited for.
 */
const HANDS = [['put'], ['head'], ['get'], ['start-upload', 'put-part', 'complete']] as const;

/** A burst outlasts the tries that a client makes by itself. */
const BURST = 8;
const BURST_SHARE = 0.2;
const PAUSE_MS: readonly [number, number] = [50, 400];
/** Calls of the rarer operations come seldom. */
const STRIKES_WITHIN_MS = 60_000;

export const R11: Campaign = {
  what: 'the object store answers 5xx, hangs, breaks off, loses, says missing, names another ETag',
  stage: () => ({ setUp: 'fixed', backEndCount: 8, serviceMs: 20, hasObjectStore: true }),
  callers: 40,
  pollMs: 250,
  hasWebhooks: true,
  // The huge ones are two callers' only: each costs the processor a second.
  kinds: ['huge', ...Array.from({ length: 5 }, () => ['large', 'media', 'large', 'plain'] as const).flat()],
  async play(scene) {
    const { store } = scene.stage;
    if (store === undefined) throw new Error('a stage without an object store');
    const tally: Tally = { strikes: {}, begun: 0, missed: 0 };
    await Promise.all(HANDS.map((operations) => playFaults(scene, store, { operations, tally })));
    await store.recover();
    const acceptedMs = await scene.callers.submitOne();
    return { strikes: tally.strikes, missed: tally.missed, times: { 'accepts again': [acceptedMs] } };
  },
};

interface Tally {
  readonly strikes: Record<string, number>;
  begun: number;
  missed: number;
}

/** Each kind of fault of these operations in turn: their share of the tries. */
async function playFaults(
  { random, tries, tell }: Scene,
  store: ObjectStore,
  { operations, tally }: { operations: readonly string[]; tally: Tally },
): Promise<void> {
  const kinds = operations.flatMap((operation) => (FAULTS[operation] ?? []).map((how) => ({ operation, how })));
  const rounds = Math.ceil(tries / KINDS);
  for (const { operation, how } of Array.from({ length: rounds }, () => kinds).flat()) {
    const times = random.next() < BURST_SHARE ? BURST : 1;
    const name = `${operation} ${typeof how === 'string' ? how : how.status}`;
    const isStruck = await strike(store, { operation, how, times });
    if (isStruck) tally.strikes[name] = (tally.strikes[name] ?? 0) + 1;
    else tally.missed += 1;
    tally.begun += 1;
    if (tally.begun % 20 === 0) tell(`${tally.begun} faults`);
    await sleep(random.between(...PAUSE_MS));
  }
}

/** True when all of it met calls. */
async function strike(store: ObjectStore, fault: StoreFault): Promise<boolean> {
  await store.misbehave([fault]);
  const isOver = async () => (await store.faultsLeft(fault.operation)) === 0;
  const ms = await waitUntil(isOver, STRIKES_WITHIN_MS, 50);
  if (ms === undefined) await store.recover(fault.operation);
  return ms !== undefined;
}
