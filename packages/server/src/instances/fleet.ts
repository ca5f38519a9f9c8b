// The instances that exist now, and whether they answer. Providers make them; connections watch them; dispatch asks for
// the ready ones. Made and started by app.ts.
import { describeError, type Log } from '../telemetry/log.ts';
import { createConnection, type InstanceConnection } from './connection.ts';
import type { ProvidedInstance, Provider } from './provider.ts';

/** `starting`: has not answered yet · `ready` · `lost`: answered once, does not now · `gone`: will never answer again. */
export type InstancePhase = 'starting' | 'ready' | 'lost' | 'gone';

export interface Instance {
  readonly id: string;
  readonly provider: Provider['kind'];
  readonly connection: InstanceConnection;
  readonly folders: ProvidedInstance['folders'];
  phase: InstancePhase;
  since: number;
  reason: string | undefined;
  /** Names of files that this instance's input folder holds already, by SHA-256. */
  readonly uploaded: Map<string, string>;
}

export interface FleetListener {
  onReady(instance: Instance): void;
  onLost(instance: Instance): void;
  onGone(instance: Instance): void;
}

interface Deps {
  readonly providers: readonly Provider[];
  readonly now: () => number;
  readonly log: Log;
}

export interface Fleet {
  get(id: string): Instance | undefined;
  ready(): Instance[];
  all(): Instance[];
  listen(listener: FleetListener): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Asks a ready instance, waiting a little for the first one after a start; undefined when none answers. */
  captureObjectInfo(): Promise<string | undefined>;
}

const FIRST_INSTANCE_MS = 5_000;

export function createFleet(deps: Deps): Fleet {
  const instances = new Map<string, Instance>();
  const listeners: FleetListener[] = [];
  const waitingForReady = new Set<() => void>();

  function enter(instance: Instance, phase: InstancePhase, reason: string | undefined) {
    instance.phase = phase;
    instance.since = deps.now();
    instance.reason = reason;
    const fields = { instanceId: instance.id, url: instance.connection.baseUrl, reason };
    if (phase === 'ready') deps.log.info(fields, 'instance ready');
    else deps.log.warn(fields, `instance ${phase}`);
  }

  function add(kind: Provider['kind'], made: ProvidedInstance) {
    const connection = createConnection({
      baseUrl: made.baseUrl,
      now: deps.now,
      log: deps.log,
      onReady: () => {
        // Another process may stand behind the same address now: what it holds is not known.
        instance.uploaded.clear();
        enter(instance, 'ready', undefined);
        for (const listener of listeners) listener.onReady(instance);
        for (const wake of waitingForReady) wake();
      },
      onLost: (cause) => {
        enter(instance, 'lost', cause);
        for (const listener of listeners) listener.onLost(instance);
      },
    });
    const instance: Instance = {
      id: made.id,
      provider: kind,
      connection,
      folders: made.folders,
      phase: 'starting',
      since: deps.now(),
      reason: undefined,
      uploaded: new Map(),
    };
    instances.set(made.id, instance);
  }

  function remove(id: string, cause: string) {
    const instance = instances.get(id);
    if (instance === undefined) return;
    instances.delete(id);
    enter(instance, 'gone', cause);
    for (const listener of listeners) listener.onGone(instance);
    instance.connection.close().catch((error) => deps.log.debug(describeError(error), 'closing a gone instance'));
  }

  const ready = () => [...instances.values()].filter((instance) => instance.phase === 'ready');

  async function waitForReady(waitMs: number) {
    if (ready().length > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, waitMs);
      function done() {
        clearTimeout(timer);
        waitingForReady.delete(done);
        resolve();
      }
      waitingForReady.add(done);
    });
  }

  return {
    get: (id) => instances.get(id),
    ready,
    all: () => [...instances.values()],
    listen: (listener) => void listeners.push(listener),
    async start() {
      for (const provider of deps.providers) {
        await provider.start({ onStarted: (made) => add(provider.kind, made), onGone: remove });
      }
    },
    async stop() {
      await Promise.all([...instances.values()].map((instance) => instance.connection.close()));
      await Promise.all(deps.providers.map((provider) => provider.stop()));
      instances.clear();
    },
    async captureObjectInfo() {
      await waitForReady(FIRST_INSTANCE_MS);
      for (const instance of ready()) {
        try {
          return (await instance.connection.client.objectInfo()).text;
        } catch (error) {
          deps.log.warn({ instanceId: instance.id, ...describeError(error) }, 'object_info could not be read');
        }
      }
      return undefined;
    },
  };
}
