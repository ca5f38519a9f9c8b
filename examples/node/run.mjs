// Sends a photo through a deployment and saves the picture: node examples/node/run.mjs [photo.jpg]
import { readFile, writeFile } from 'node:fs/promises';

const base = `${(process.env.COMFLEET_URL ?? 'http://127.0.0.1:7788').replace(/\/$/, '')}/prod/v1`;
const token = process.env.COMFLEET_TOKEN ?? (await readFile('.comfleet/admin-token', 'utf8')).trim();
const here = new URL('../', import.meta.url);
const photo = await readFile(process.argv[2] ?? new URL('photo.jpg', here));
const graph = JSON.parse(await readFile(new URL('workflow.json', here), 'utf8'));

/**
 * @param {string} url
 * @param {unknown} [body]
 */
async function call(url, body) {
  const reply = await fetch(url.startsWith('http') ? url : base + url, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return /** @type {Record<string, any>} */ (await reply.json());
}

const workflow = await call('/workflows', { name: 'Glow print' });
await call(`/workflows/${workflow.id}/versions`, { workflow_api_json: graph });
const deployment = await call('/deployments', {
  name: 'Glow print',
  workflow_id: workflow.id,
  workflow_version: 'latest',
});

const image = `data:;base64,${photo.toString('base64')}`;
const request = await call(`/deployments/${deployment.id}/inference`, {
  overrides: { 1: { inputs: { image } }, 4: { inputs: { blend_factor: 0.85 } } },
});
console.log('submitted', request.request_id);

let status = '';
while (status !== 'completed' && !status.startsWith('cancel')) {
  const now = await call(request.status_url);
  if (now.status !== status) console.log(now.status);
  status = now.status;
  await new Promise((resolve) => setTimeout(resolve, 200));
}

const result = await call(request.result_url);
if (result.status !== 'succeeded') throw new Error(JSON.stringify(result.error ?? result));
const [output] = Object.values(result.outputs);
const picture = await fetch(output.images[0].url);
await writeFile('picture.png', Buffer.from(await picture.arrayBuffer()));
console.log('saved picture.png');
