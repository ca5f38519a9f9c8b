import { afterEach, expect, test } from 'vitest';
import { sendJson, startFakeComfyui } from '../testing/fake-comfyui.ts';
import { until } from '../testing/until.ts';
import { createHttp } from './http.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

test('a call that gives up while it waits for a connection surely did not arrive, and is never sent later', async () => {
  const held: (() => void)[] = [];
  const fake = await startFakeComfyui({ answer: (_, response) => void held.push(() => sendJson(response, {})) });
  const http = createHttp({ baseUrl: fake.url });
  open.push(http, fake);
  const early = Array.from({ length: 6 }, () => http.send({ method: 'POST', path: '/early', body: 'x' }));
  await until(() => held.length === 6);
  const late = http.send({ method: 'POST', path: '/late', body: 'x', totalMs: 50 });
  await expect(late).rejects.toMatchObject({ kind: 'timeout', mayHaveArrived: false });
  for (const answer of held.splice(0)) answer();
  await Promise.all(early);
  const after = http.send({ method: 'POST', path: '/after', body: 'x' });
  await until(() => held.length === 1);
  for (const answer of held) answer();
  await after;
  expect(fake.heard.filter(({ url }) => url === '/late')).toEqual([]);
});

test('prompts whose answers are late keep nobody from asking what became of them', async () => {
  const held: (() => void)[] = [];
  const fake = await startFakeComfyui({
    answer: ({ method }, response) =>
      method === 'POST' ? void held.push(() => sendJson(response, {})) : sendJson(response, {}),
  });
  const http = createHttp({ baseUrl: fake.url });
  open.push(http, fake);
  const late = Array.from({ length: 7 }, () => http.send({ method: 'POST', path: '/prompt', body: 'x' }));
  await until(() => held.length === 6);
  expect(await http.send({ method: 'GET', path: '/queue' })).toMatchObject({ status: 200 });
  for (const answer of held.splice(0)) answer();
  await until(() => held.length === 1);
  for (const answer of held) answer();
  await Promise.all(late);
});

test('a call that is given up after it was sent may have arrived', async () => {
  const fake = await startFakeComfyui({ answer: () => {} });
  const http = createHttp({ baseUrl: fake.url });
  open.push(http, fake);
  const calling = new AbortController();
  const call = http.send({ method: 'POST', path: '/x', body: 'x', signal: calling.signal });
  await until(() => fake.heard.length === 1);
  calling.abort();
  await expect(call).rejects.toMatchObject({ kind: 'aborted', mayHaveArrived: true });
});

test('long transfers do not keep short calls waiting', async () => {
  const fake = await startFakeComfyui({
    answer: ({ url }, response) => {
      if (url === '/short') sendJson(response, {});
      else response.writeHead(200).write('the beginning');
    },
  });
  const http = createHttp({ baseUrl: fake.url });
  open.push(http, fake);
  const transfers = await Promise.all(Array.from({ length: 12 }, () => http.open({ method: 'GET', path: '/long' })));
  expect((await http.send({ method: 'GET', path: '/short' })).status).toBe(200);
  for (const { body } of transfers) body.on('error', () => {}).destroy();
});

test('a connection that ComfyUI closed while idle is not used again', async () => {
  const fake = await startFakeComfyui({
    answer: (_, response) => response.writeHead(200, { connection: 'close' }).end(),
  });
  const http = createHttp({ baseUrl: fake.url });
  open.push(http, fake);
  for (let call = 0; call < 5; call++) expect((await http.send({ method: 'GET', path: '/' })).status).toBe(200);
});
