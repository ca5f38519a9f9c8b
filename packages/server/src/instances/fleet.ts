// The instances that exist now, and whether they answer. Providers make them; connections watch them; dispatch asks for
// the ready ones. Made and started by app.ts.
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { createConnection, type InstanceConnection } from './connection.ts';
import { createObjectInfoReader, type ReadObjectInfo } from './known-object-info.ts';
import type { ProvidedInstance, Provider } from './provider.ts';

/** `starting`: has not answered yet · `ready` · `lost`: answered once, does not now · `gone`: will never answer again. */
export type InstancePhase = 'starting' | 'ready' | 'lost' | 'gone';

export interface Instance {
  readonly id: string;
  readonly provider: Provider['kind'];
  readonly connection: InstanceConnection;
  /** Folders on this machine that its files appear in. */
  folders: LocalFolders | undefined;
  phase: InstancePhase;
  since: number;
  reason: string | undefined;
  /** Names of files that this instance's input folder holds already, by SHA-256. */
  readonly uploaded: Map<string, string>;
}

export interface LocalFolders {
  readonly output: string;
  /** Undefined where only the output folder is known. */
  readonly temp: string | undefined;
  /** True for a process of ours; otherwise only files in an attempt's own folder are read. */
  readonly isOwn: boolean;
}

export interface FleetListener {
  /** It exists and has not answered yet. */
  onStarted?(instance: Instance): void;
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
  /** undefined when its provider has no log of it. */
  logTail(instance: Instance): Promise<string[] | undefined>;
  listen(listener: FleetListener): void;
  /** It answers, and its worker runs nothing: given no work until that prompt is gone from it. */
  reportDeadWorker(instance: Instance, promptId: string): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Asks a ready instance, waiting a little for the first one after a start; undefined when none answers. */
  captureObjectInfo(): Promise<string | undefined>;
  /** Of one instance, read at most so long ago. */
  objectInfoOf: ReadObjectInfo;
}

const FIRST_INSTANCE_MS = 5_000;
const REVIVAL_MS = 500;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

interface State {
  readonly deps: Deps;
  readonly instances: Map<string, Instance>;
  readonly listeners: FleetListener[];
  readonly waitingForReady: Set<() => void>;
  readonly madeAt: number;
}

export function createFleet(deps: Deps): Fleet {
  const state: State = { deps, instances: new Map(), listeners: [], waitingForReady: new Set(), madeAt: deps.now() };
  const { instances } = state;
  return {
    get: (id) => instances.get(id),
    ready: () => listReady(state),
    all: () => [...instances.values()],
    async logTail({ id, provider }) {
      return await deps.providers.find(({ kind }) => kind === provider)?.logTail?.(id);
    },
    listen: (listener) => void state.listeners.push(listener),
    reportDeadWorker: (instance, promptId) => quarantine(state, instance, promptId),
    async start() {
      for (const provider of deps.providers) {
        await provider.start({
          onStarted: (made) => add(state, provider.kind, made),
          onGone: (id, cause) => remove(state, id, cause),
        });
      }
    },
    async stop() {
      await Promise.all([...instances.values()].map((instance) => instance.connection.close()));
      await Promise.all(deps.providers.map((provider) => provider.stop()));
      instances.clear();
    },
    captureObjectInfo: () => captureObjectInfo(state),
    objectInfoOf: createObjectInfoReader(),
  };
}

function listReady({ instances }: State): Instance[] {
  return [...instances.values()].filter((instance) => instance.phase === 'ready');
}

function add(state: State, kind: Provider['kind'], made: ProvidedInstance): void {
  const { deps } = state;
  const connection = createConnection({
    baseUrl: made.baseUrl,
    now: deps.now,
    log: deps.log,
    onReady() {
      // Another process may stand behind the same address now: what it holds is not known.
      instance.uploaded.clear();
      if (kind === 'static') void findFolders(state, instance);
      becomeReady(state, instance);
    },
    onLost: (cause) => becomeLost(state, instance, cause),
  });
  const instance: Instance = {
    id: made.id,
    provider: kind,
    connection,
    folders: made.folders && { ...made.folders, isOwn: true },
    phase: 'starting',
    since: deps.now(),
    reason: undefined,
    uploaded: new Map(),
  };
  state.instances.set(made.id, instance);
  for (const listener of state.listeners) listener.onStarted?.(instance);
}

function remove(state: State, id: string, cause: string): void {
  const instance = state.instances.get(id);
  if (instance === undefined) return;
  state.instances.delete(id);
  enter(state, instance, { phase: 'gone', reason: cause });
  for (const listener of state.listeners) listener.onGone(instance);
  instance.connection.close().catch((error) => state.deps.log.debug(describeError(error), 'closing a gone instance'));
}

function becomeReady(state: State, instance: Instance): void {
  if (instance.phase === 'starting') metrics.instanceStarted(state.deps.now() - instance.since);
  enter(state, instance, { phase: 'ready', reason: undefined });
  for (const listener of state.listeners) listener.onReady(instance);
  for (const wake of state.waitingForReady) wake();
}

function becomeLost(state: State, instance: Instance, reason: string): void {
  enter(state, instance, { phase: 'lost', reason });
  for (const listener of state.listeners) listener.onLost(instance);
}

// A new process behind the address opens a new socket and is ready by that; the same one is when the prompt is gone.
function quarantine(state: State, instance: Instance, promptId: string): void {
  if (instance.phase !== 'ready') return;
  becomeLost(state, instance, 'its worker is dead: it answers and runs nothing; restart it');
  state.deps.providers.find(({ kind }) => kind === instance.provider)?.restart?.(instance.id);
  const timer = setInterval(async () => {
    if (instance.phase !== 'lost' || !state.instances.has(instance.id)) return clearInterval(timer);
    const queue = await instance.connection.client.queue().catch(() => undefined);
    if (queue === undefined || queue.running.includes(promptId) || instance.phase !== 'lost') return;
    clearInterval(timer);
    if (instance.connection.isReady()) becomeReady(state, instance);
  }, REVIVAL_MS).unref();
}

function enter({ deps }: State, instance: Instance, next: Pick<Instance, 'phase' | 'reason'>): void {
  instance.phase = next.phase;
  instance.reason = next.reason;
  instance.since = deps.now();
  const fields = { instanceId: instance.id, url: instance.connection.baseUrl, reason: next.reason };
  if (next.phase === 'ready') deps.log.info(fields, 'instance ready');
  else deps.log.warn(fields, `instance ${next.phase}`);
}

// A ComfyUI on this machine: reading its files spares it a request each. What it says is a claim; a file is only read
// from the folder named after the attempt, which nobody else could have made there (execution/fetch-file.ts).
async function findFolders({ deps }: State, instance: Instance): Promise<void> {
  if (!LOOPBACK.test(new URL(instance.connection.baseUrl).hostname)) return;
  try {
    const output = await instance.connection.client.outputFolder();
    instance.folders = output === undefined ? undefined : { output, temp: undefined, isOwn: false };
  } catch (error) {
    deps.log.debug({ instanceId: instance.id, ...describeError(error) }, 'the output folder is not known');
  }
}

async function waitForReady(state: State, waitMs: number): Promise<void> {
  if (listReady(state).length > 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, waitMs);
    function done() {
      clearTimeout(timer);
      state.waitingForReady.delete(done);
      resolve();
    }
    state.waitingForReady.add(done);
  });
}

async function captureObjectInfo(state: State): Promise<string | undefined> {
  // Later than that nobody is about to come.
  await waitForReady(state, Math.max(0, state.madeAt + FIRST_INSTANCE_MS - state.deps.now()));
  for (const instance of listReady(state)) {
    try {
      return (await instance.connection.client.objectInfo()).text;
    } catch (error) {
      const fields = { instanceId: instance.id, ...describeError(error) };
      state.deps.log.warn(fields, 'object_info could not be read');
    }
  }
  return undefined;
}
