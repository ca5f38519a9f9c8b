// Takes a signed webhook instead of polling, then cancels a run: node examples/node/webhook.mjs
// The service must be allowed to call this machine: COMFLEET_ALLOW_PRIVATE_HOSTS=127.0.0.1:9099 npm start
import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const base = `${(process.env.COMFLEET_URL ?? 'http://127.0.0.1:7788').replace(/\/$/, '')}/prod/v2`;
const token = process.env.COMFLEET_TOKEN ?? (await readFile('.comfleet/admin-token', 'utf8')).trim();
const port = Number(process.env.WEBHOOK_PORT ?? 9099);
const graph = {
  1: { class_type: 'EmptyImage', inputs: { width: 512, height: 512, batch_size: 1, color: 0 } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'plain' } },
};

/**
 * @param {string} url
 * @param {unknown} [body]
 */
async function call(url, body, method = body === undefined ? 'GET' : 'POST') {
  const reply = await fetch(url.startsWith('http') ? url : base + url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return /** @type {Record<string, any>} */ (await reply.json());
}

const { key } = await call('/webhooks/secret');
const secret = Buffer.from(key.replace(/^whsec_/, ''), 'base64');

/**
 * Standard Webhooks: HMAC-SHA256 over "id.timestamp.body"; while a secret is rotated there are two signatures.
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {string} body
 */
function isGenuine(headers, body) {
  const sentAt = Number(headers['webhook-timestamp']);
  if (!(Math.abs(Date.now() / 1000 - sentAt) < 300)) return false; // a repetition of an old call
  const wanted = createHmac('sha256', secret).update(`${headers['webhook-id']}.${sentAt}.${body}`).digest();
  return String(headers['webhook-signature'])
    .split(' ')
    .map((given) => Buffer.from(given.replace(/^v1,/, ''), 'base64'))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

const event = /** @type {Promise<Record<string, any>>} */ (
  new Promise((resolve) => {
    const server = createServer(async (request, reply) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      const good = isGenuine(request.headers, body);
      reply.writeHead(good ? 204 : 401).end(); // answer at once; any 2xx within 10 s acknowledges
      if (good) resolve(JSON.parse(body)); // the same event may come twice: tell by webhook-id
    }).listen(port, '127.0.0.1');
    server.unref();
  })
);

const workflow = await call('/workflows', { name: 'Plain' });
await call(`/workflows/${workflow.id}/versions`, { workflow_api_json: graph });
const names = { name: 'Plain', workflow_id: workflow.id, workflow_version: 'latest' };
const deployment = await call('/deployments', names);

/** @param {object} extra */
function submit(extra) {
  const color = randomInt(2 ** 24); // an identical run would get the earlier run's files
  return call(`/deployments/${deployment.id}/inference`, { overrides: { 1: { inputs: { color } } }, ...extra });
}

const first = await submit({ webhook: `http://127.0.0.1:${port}/` });
const deadline = setTimeout(() => {
  throw new Error('no webhook came');
}, 60_000);
const { request_id, status, outputs } = await event;
clearTimeout(deadline);
if (request_id !== first.request_id || status !== 'succeeded') throw new Error(`${request_id} ${status}`);
const picture = await fetch(outputs[2].images[0].url);
await writeFile('picture.png', Buffer.from(await picture.arrayBuffer()));
console.log('genuine webhook, saved picture.png');

const second = await submit({});
console.log('cancel:', (await call(second.cancel_url, undefined, 'POST')).outcome);
let now = ''; // a run may finish before the cancel reaches it: then it stays finished
while (now !== 'completed' && now !== 'cancelled') {
  now = (await call(second.status_url)).status;
  await new Promise((resolve) => setTimeout(resolve, 200));
}
console.log('then:', now);
