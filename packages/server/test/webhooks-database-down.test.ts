// Webhooks while the database goes away and comes back: the jobs go on by themselves, and nothing is lost.
import { expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { useDatabaseDoor } from '../testing/database-door.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const door = useDatabaseDoor();
const receiver = useWebhookReceiver();
const app = useTestApp(() => ({
  reachThrough: door.through,
  env: { COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host },
}));

const untilReady = () => until('readiness', async () => (await app().call('//readyz', { token: null })).status === 200);

it('a webhook that is under way when the database goes away is recorded when it is back, and later ones go out', async () => {
  let release: () => void = () => undefined;
  receiver().answer('/first', (response) => {
    release = () => void response.end();
  });
  const deploymentId = await app().createDeployment();
  const first = await app().submit(deploymentId, { webhook: receiver().url('/first') });
  await receiver().untilCalled('/first');
  for (let turn = 0; turn < 3; turn += 1) {
    await door.shut();
    release();
    await until('a database that is missed', async () => {
      return (await app().call('//readyz', { token: null })).status === 503;
    });
    await door.open();
    await untilReady();
    await app().submit(deploymentId, { webhook: receiver().url(`/later-${turn}`) });
    await receiver().untilCalled(`/later-${turn}`);
  }
  await until('the record of the first', async () => {
    const { body } = await app().call(`/webhooks/deliveries?request_id=${first}`);
    return JSON.stringify(body).includes('"status":"delivered"');
  });
  expect(
    new Set(
      receiver()
        .callsOf('/first')
        .map((call) => call.headers['webhook-id']),
    ).size,
  ).toBe(1);
});
