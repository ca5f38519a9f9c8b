// A provider whose instances are emulators in this process: started when asked for, ended when removed. For tests of the
// whole service that scale; what it was asked for, and when, is kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator, type Emulator, type EmulatorOptions } from '@comfleet/emulator';
import type { InstanceSpec, Provider, ProviderEvents } from '../src/instances/provider.ts';

/** Hardware of the configuration whose instances come from this provider. */
export const SCALED_SKU = {
  sku: 'SCALED',
  gpu: 'none',
  vram_gb: 8,
  ram_gb: 8,
  vcpus: 2,
  price_per_hour_usd: 3.6,
  provider: 'process',
  process: { command: ['not-run'] },
};

export interface EmulatorProvider extends Provider {
  /** In the order of the calls, with the time by performance.now(). */
  readonly asked: { readonly spec: InstanceSpec; readonly at: number }[];
  readonly alive: ReadonlyMap<string, Emulator>;
  /** Every start fails with this, while it is set. */
  failWith: string | undefined;
  /** Starts are kept waiting, while it is set: with these words. */
  pendingWords: string | undefined;
  /** Lets those go on that were kept waiting. */
  release(): Promise<void>;
}

type Options = Pick<EmulatorOptions, 'extraObjectInfo'> & { readonly serviceMs?: number };

export function createEmulatorProvider(options: Options = {}): EmulatorProvider {
  const alive = new Map<string, Emulator>();
  const waiting = new Map<string, InstanceSpec>();
  const dirs: string[] = [];
  let events: ProviderEvents | undefined;

  async function begin(spec: InstanceSpec): Promise<void> {
    const dir = mkdtempSync(join(tmpdir(), 'comfleet-scaled-'));
    dirs.push(dir);
    const { serviceMs, ...more } = options;
    const emulator = createEmulator({ baseDir: dir, nullExec: true, ...more });
    if (serviceMs !== undefined) emulator.faults.merge({ serviceMs });
    alive.set(spec.id, emulator);
    const { port } = await emulator.start();
    events?.onStarted({ id: spec.id, baseUrl: `http://127.0.0.1:${port}`, folders: undefined, spec });
  }

  async function end(id: string): Promise<void> {
    const emulator = alive.get(id);
    const isKnown = waiting.delete(id) || alive.delete(id);
    await emulator?.stop();
    if (isKnown) events?.onGone(id, 'it was removed', 'removed');
  }

  const provider: EmulatorProvider = {
    kind: 'process',
    asked: [],
    alive,
    failWith: undefined,
    pendingWords: undefined,
    async start(given) {
      events = given;
    },
    async create(spec) {
      provider.asked.push({ spec, at: performance.now() });
      const cause = provider.failWith;
      if (cause !== undefined) setImmediate(() => events?.onGone(spec.id, cause, 'not_started'));
      else if (provider.pendingWords !== undefined) {
        waiting.set(spec.id, spec);
        events?.onPending?.(spec.id, provider.pendingWords);
      } else await begin(spec);
    },
    remove: end,
    logTail: async (id) => [`log of ${id}`],
    async release() {
      provider.pendingWords = undefined;
      for (const [id, spec] of waiting) {
        waiting.delete(id);
        await begin(spec);
      }
    },
    async stop() {
      await Promise.all([...alive.keys()].map((id) => end(id)));
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    },
  };
  return provider;
}
