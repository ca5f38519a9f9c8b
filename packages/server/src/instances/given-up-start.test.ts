// A start that is given up: what is said of an instance that runs and does not answer where it should.
import { expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { createLog } from '../telemetry/log.ts';
import { createFleet } from './fleet.ts';
import type { InstanceSpec, Provider, ProviderEvents } from './provider.ts';

const spec: InstanceSpec = {
  id: 'i1',
  pool: 'deployment:d',
  accountId: 'a',
  deploymentId: 'd',
  sku: 'GPU',
  fingerprint: 'v1',
};

async function giveUp(logTail: NonNullable<Provider['logTail']>): Promise<string> {
  let events: ProviderEvents | undefined;
  const provider: Provider = {
    kind: 'process',
    async start(given) {
      events = given;
    },
    create: async () => events?.onStarted({ id: spec.id, baseUrl: 'http://127.0.0.1:1', folders: undefined, spec }),
    remove: async (id) => events?.onGone(id, 'it was removed'),
    stop: async () => undefined,
    logTail,
  };
  const told: string[] = [];
  const deps = { providers: [provider], now: Date.now, log: createLog('silent'), startTimeoutMs: 50 };
  const fleet = createFleet({ ...deps, kindOf: () => 'process' });
  const ignore = () => undefined;
  const rest = { onReady: ignore, onLost: ignore, onDraining: ignore, onGone: ignore };
  fleet.listen({ ...rest, onStartFailed: (_begun, cause) => told.push(cause) });
  await fleet.start();
  await fleet.create(spec);
  await until('it is given up', () => told.length === 1);
  await fleet.stop();
  return told[0] ?? '';
}

it('names the port that nothing listens at, and what the program said last', async () => {
  const said = await giveUp(async () => ['Starting server', 'To see the GUI go to: http://127.0.0.1:8199', '']);
  expect(said).toMatch(/^it was not ready within 0 s; last: nothing listens at its port 1 \(.*ECONNREFUSED.*\); /);
  expect(said).toMatch(/; its last words: To see the GUI go to: http:\/\/127\.0\.0\.1:8199$/);
});

it('waits for no log that cannot be read', async () => {
  let isAway = true;
  const failOnce = async () => {
    if (!isAway) return [];
    isAway = false;
    throw new Error('the engine is away');
  };
  expect(await giveUp(failOnce)).toMatch(/ECONNREFUSED/);
  expect(await giveUp(() => new Promise(() => undefined))).toMatch(/ECONNREFUSED/);
});
