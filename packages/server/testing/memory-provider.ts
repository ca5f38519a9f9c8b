// A provider whose instances are fakes in this process, moved by the test: they stay asked for until they are let go, are
// refused, die. What it was asked for is kept. Instances outlive the provider object, as containers do: `world` is shared.
import {
  type GoneKind,
  type InstanceSpec,
  type Provider,
  type ProviderEvents,
  StartRefused,
} from '../src/instances/provider.ts';
import { type FakeInstance, startFakeInstance } from './fake-instance.ts';

export interface MemoryWorld {
  readonly alive: Map<string, { readonly spec: InstanceSpec; readonly fake: FakeInstance }>;
  readonly pending: Map<string, InstanceSpec>;
  /** `create <id>`, `remove <id>`. */
  readonly calls: string[];
  /** Every create() is refused with it, while it is set. */
  refuseWith: string | undefined;
  /** Instances stay without an address, saying this, while it is set. */
  pendingWords: string | undefined;
  /** What each has written; undefined: a line with its id. */
  logLines: string[] | undefined;
  /** False: what exists cannot be asked for, until list(). */
  isListed: boolean;
  /** So many of the next remove() calls fail. */
  failingRemovals: number;
}

export interface MemoryProvider extends Provider {
  readonly world: MemoryWorld;
  die(id: string, cause: string, kind?: GoneKind): Promise<void>;
  /** Somebody else is ending it. */
  leave(id: string, because: string): void;
  /** What waits for an address gets one. */
  letStart(id: string): Promise<void>;
  /** What exists can be asked for again. */
  list(): void;
}

export function createWorld(): MemoryWorld {
  const empty = { alive: new Map(), pending: new Map(), calls: [] };
  return {
    ...empty,
    refuseWith: undefined,
    pendingWords: undefined,
    logLines: undefined,
    isListed: true,
    failingRemovals: 0,
  };
}

export function createMemoryProvider(world: MemoryWorld = createWorld()): MemoryProvider {
  let events: ProviderEvents | undefined;
  const beginning = new Set<string>();

  async function begin(spec: InstanceSpec): Promise<void> {
    beginning.add(spec.id);
    const fake = await startFakeInstance({});
    beginning.delete(spec.id);
    world.alive.set(spec.id, { spec, fake });
    events?.onStarted({ id: spec.id, baseUrl: fake.url, folders: undefined, spec });
  }

  async function end(id: string): Promise<boolean> {
    const known = world.alive.get(id);
    const isKnown = world.alive.delete(id) || world.pending.delete(id);
    await known?.fake.stop();
    return isKnown;
  }

  function tellAll() {
    for (const [id, { spec, fake }] of world.alive) {
      events?.onStarted({ id, baseUrl: fake.url, folders: undefined, spec });
    }
    for (const id of world.pending.keys()) events?.onPending?.(id, 'still pending');
  }

  return {
    kind: 'process',
    world,
    async start(given) {
      events = given;
      if (world.isListed) tellAll();
    },
    isListed: () => world.isListed,
    leave: (id, because) => events?.onLeaving?.(id, because),
    async letStart(id) {
      const spec = world.pending.get(id);
      world.pending.delete(id);
      if (spec) await begin(spec);
    },
    list() {
      world.isListed = true;
      tellAll();
      events?.onListed?.();
    },
    async stop() {
      events = undefined;
    },
    async create(spec) {
      world.calls.push(`create ${spec.id}`);
      if (world.refuseWith !== undefined) throw new StartRefused(world.refuseWith);
      if (world.alive.has(spec.id) || world.pending.has(spec.id) || beginning.has(spec.id)) return;
      if (world.pendingWords === undefined) return await begin(spec);
      world.pending.set(spec.id, spec);
      events?.onPending?.(spec.id, world.pendingWords);
    },
    async remove(id) {
      world.calls.push(`remove ${id}`);
      if (world.failingRemovals > 0) {
        world.failingRemovals -= 1;
        throw new Error('the provider does not answer');
      }
      if (await end(id)) events?.onGone(id, 'it was removed', 'removed');
    },
    async die(id, cause, kind = 'ended') {
      if (await end(id)) events?.onGone(id, cause, kind);
    },
    logTail: async (id) => world.logLines ?? [`log of ${id}`],
    check: async () => (world.refuseWith === undefined ? [] : [{ sku: undefined, says: world.refuseWith }]),
  };
}
