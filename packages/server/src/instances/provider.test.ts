// The provider that tests steer is one as every other: else what they show of the fleet would mean nothing.
import { createMemoryProvider, createWorld } from '../../testing/memory-provider.ts';
import { describeProvider } from '../../testing/provider-conformance.ts';

describeProvider('the provider in memory', async () => {
  const world = createWorld();
  let last = createMemoryProvider(world);
  return {
    sku: 'GPU',
    badSku: 'BAD',
    survivesStop: true,
    async open() {
      last = createMemoryProvider(world);
      return {
        ...last,
        async create(spec) {
          world.refuseWith = spec.sku === 'BAD' ? 'there is no such image' : undefined;
          await last.create?.(spec);
        },
      };
    },
    kill: (id) => last.die(id, 'exit code 1'),
    close: async () => undefined,
  };
});
