// A service that starts while its provider cannot say what exists (an API server of a cluster that is away): a request that
// was given to an instance is neither lost nor run again before that is known.
import { afterAll, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { createStaticProvider } from '../src/instances/providers/static.ts';
import { PICTURE } from '../testing/caller.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { SCALED_SKU } from '../testing/emulator-provider.ts';
import { createMemoryProvider, createWorld, type MemoryProvider } from '../testing/memory-provider.ts';
import { until } from '../testing/until.ts';

const world = createWorld();
let provider: MemoryProvider;
let app: TestApp | undefined;
afterAll(async () => {
  await app?.stop();
  for (const { fake } of world.alive.values()) await fake.stop();
});

it('waits for the provider, and gives the request back only when the instance is certainly gone', async () => {
  app = await createTestApp({
    configFile: { hardware: [SCALED_SKU] },
    overrides: {
      providers: ({ db, newId }) => {
        provider = createMemoryProvider(world);
        return [createStaticProvider({ db, newId, urls: [] }), provider];
      },
    },
  });
  const { db } = app;
  world.pendingWords = 'pulling the image';
  const object_info = JSON.parse(await (await fetch(`${app.emulatorUrl}/object_info`)).text());
  const { workflowId, version } = await app.saveWorkflow(PICTURE, { object_info });
  const body = { name: 'scaled', workflow_id: workflowId, workflow_version: version, hardware: ['SCALED'] };
  const deployment = String((await app.call('/deployments', { method: 'POST', body })).body['id']);
  const requestId = await app.submit(deployment);
  const spec = await until('an instance is asked for', () => [...world.pending.values()][0]);
  await db.query(sql`
    update requests set state = 'active', epoch = 1, leased_at = now(), instance_id = ${spec.id},
      prompt_id = ${crypto.randomUUID()} where id = ${requestId}`);
  const lossesOf = async () =>
    (await db.query<{ losses: number }>(sql`select losses from requests where id = ${requestId}`))[0]?.losses;
  world.pending.clear();
  world.isListed = false;
  await app.restart();
  expect(world.calls).toEqual([`create ${spec.id}`]);
  expect(await lossesOf()).toBe(0);
  provider.list();
  await until('it is given back', async () => (await lossesOf()) === 1);
  await until('another instance is asked for', () => world.calls.length > 1);
});
