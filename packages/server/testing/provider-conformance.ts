// What every provider that starts instances must do, whatever it starts: one suite, run by the test of each. The harness
// says how to make a provider on the same world again, as a restart of the service does.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GoneKind, InstanceSpec, ProvidedInstance, Provider } from '../src/instances/provider.ts';
import { until } from './until.ts';

export interface ProviderHarness {
  /** A new object on the same world; the one before was stopped, or its process died (`isCrashed`). */
  open(isCrashed: boolean): Promise<Provider>;
  /** A SKU whose instances start. */
  readonly sku: string;
  /** A SKU that cannot be started at all. */
  readonly badSku: string;
  /** Whether instances outlive a stop of the service; all outlive its crash. */
  readonly survivesStop: boolean;
  /** Ends an instance behind the provider's back. */
  kill(id: string): Promise<void>;
  close(): Promise<void>;
}

interface Told {
  readonly started: ProvidedInstance[];
  readonly gone: { id: string; cause: string; kind: GoneKind | undefined }[];
}

export function describeProvider(name: string, makeHarness: () => Promise<ProviderHarness>): void {
  describe(`${name}, as every provider`, () => {
    let harness: ProviderHarness;
    let provider: Provider;
    let told: Told;

    async function open(isCrashed = false) {
      provider = await harness.open(isCrashed);
      told = await listenTo(provider);
    }

    function specOf(sku = harness.sku): InstanceSpec {
      const ids = { id: crypto.randomUUID(), accountId: crypto.randomUUID(), deploymentId: crypto.randomUUID() };
      return { ...ids, pool: `deployment:${ids.deploymentId}`, sku, fingerprint: `v1 ${sku}` };
    }

    async function create(spec = specOf()) {
      await provider.create?.(spec);
      await until('it is started', () => told.started.some(({ id }) => id === spec.id));
      return spec;
    }

    beforeEach(async () => {
      harness = await makeHarness();
      await open();
    });

    afterEach(async () => {
      for (const { id } of told.started) await provider.remove?.(id);
      await provider.stop();
      await harness.close();
    });

    it('starts an instance with an address, and knows what for', async () => {
      const spec = await create();
      const [made] = told.started;
      expect(made).toMatchObject({ id: spec.id, spec });
      expect(URL.canParse(made?.baseUrl ?? '')).toBe(true);
    });

    it('makes one instance of two calls for the same id', async () => {
      const spec = specOf();
      await Promise.all([provider.create?.(spec), provider.create?.(spec)]);
      await create(spec);
      await provider.create?.(spec);
      expect(told.started.map(({ id }) => id)).toEqual([spec.id]);
    });

    it('ends an instance once, and again is harmless', async () => {
      const spec = await create();
      await provider.remove?.(spec.id);
      await provider.remove?.(spec.id);
      await until('it is gone', () => told.gone.length > 0);
      await provider.remove?.(crypto.randomUUID());
      expect(told.gone.map(({ id, kind }) => ({ id, kind }))).toEqual([{ id: spec.id, kind: 'removed' }]);
    });

    it('tells of an instance that ended by itself, with a cause in words', async () => {
      const spec = await create();
      await harness.kill(spec.id);
      await until('it is gone', () => told.gone.length > 0);
      expect(told.gone).toEqual([
        { id: spec.id, cause: expect.stringMatching(/\w{3,}/), kind: expect.not.stringMatching('removed') },
      ]);
    });

    it('refuses in words what cannot be started, or tells that it never came up', async () => {
      const spec = specOf(harness.badSku);
      const refusal = await provider.create?.(spec).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      const cause = refusal ?? (await until('it failed', () => told.gone.find(({ id }) => id === spec.id)?.cause));
      expect(cause).toMatch(/\w{3,}/);
    });

    it('goes on with its instances after a crash of the service', async () => {
      const spec = await create();
      await open(true);
      await until('it is told of again', () => told.started.some(({ id }) => id === spec.id));
      expect(told.started.find(({ id }) => id === spec.id)?.spec).toEqual(spec);
    });

    it('leaves or ends its instances at a stop, as it says', async () => {
      const spec = await create();
      await provider.stop();
      await open();
      const isThere = told.started.some(({ id }) => id === spec.id);
      expect(isThere).toBe(harness.survivesStop);
    });

    it('keeps the end of its log', async () => {
      const spec = await create();
      expect(Array.isArray(await provider.logTail?.(spec.id))).toBe(true);
    });
  });
}

async function listenTo(provider: Provider): Promise<Told> {
  const told: Told = { started: [], gone: [] };
  await provider.start({
    onStarted: (instance) => void told.started.push(instance),
    onGone: (id, cause, kind) => void told.gone.push({ id, cause, kind }),
  });
  return told;
}
