// What a provider tells of that nobody has on record.
import { afterEach, expect, it } from 'vitest';
import { createMemoryProvider, createWorld } from '../../testing/memory-provider.ts';
import { until } from '../../testing/until.ts';
import { createLog } from '../telemetry/log.ts';
import { createFleet, type Fleet } from './fleet.ts';

let fleet: Fleet | undefined;
afterEach(() => fleet?.stop());

it('is removed although its provider fails to at first, and asked for once at a time', async () => {
  const world = createWorld();
  world.failingRemovals = 1;
  const id = crypto.randomUUID();
  world.pending.set(id, { id, pool: 'p', accountId: 'a', deploymentId: 'd', sku: 'GPU', fingerprint: 'f' });
  const provider = createMemoryProvider(world);
  fleet = createFleet({ providers: [provider], now: Date.now, log: createLog('silent'), kindOf: () => 'process' });
  await fleet.start();
  // Told of again meanwhile, as a watch does.
  provider.list();
  await until('it is gone', () => world.pending.size === 0);
  expect(world.calls).toEqual([`remove ${id}`, `remove ${id}`]);
});
