import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { makeWebhookSecret, signedHeaders } from './sign.ts';

const MESSAGE = { deliveryId: '01a2103e-50f4-72a3-8a9f-38f7bf7783d3', body: '{"status":"succeeded","é":1}' };

it("is verified by the specification's own library", () => {
  const key = makeWebhookSecret();
  const headers = signedHeaders({ key, previousKey: undefined }, { ...MESSAGE, atMs: Date.now() });
  expect(new Webhook(key).verify(MESSAGE.body, headers)).toEqual(JSON.parse(MESSAGE.body));
  expect(() => new Webhook(makeWebhookSecret()).verify(MESSAGE.body, headers)).toThrow();
  expect(() => new Webhook(key).verify(`${MESSAGE.body} `, headers)).toThrow();
});

it('is verified with either secret while a rotation is young', () => {
  const keys = { key: makeWebhookSecret(), previousKey: makeWebhookSecret() };
  const headers = signedHeaders(keys, { ...MESSAGE, atMs: Date.now() });
  for (const key of [keys.key, keys.previousKey]) new Webhook(key).verify(MESSAGE.body, headers);
});

it('says the same id at every try, and the second of the try', () => {
  const keys = { key: makeWebhookSecret(), previousKey: undefined };
  const [first, second] = [1_000, 2_999].map((atMs) => signedHeaders(keys, { ...MESSAGE, atMs }));
  expect(first?.['webhook-id']).toBe(second?.['webhook-id']);
  expect([first?.['webhook-timestamp'], second?.['webhook-timestamp']]).toEqual(['1', '2']);
});
