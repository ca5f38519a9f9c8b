// A brain that is not certain writes no prompt, wherever the call was when the certainty ended.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createComfyClient } from '@comfleet/comfyui';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSendGuard } from './send-guard.ts';

let posts = 0;
const server = createServer((request, response) => {
  if (request.method === 'POST') posts += 1;
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"prompt_id": "p", "number": 1, "node_errors": {}, "exec_info": {"queue_remaining": 0}}');
  });
});

beforeEach(async () => {
  posts = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('holds back what was called while it was certain and is written when it is not, and sends it once it is again', async () => {
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createComfyClient({ baseUrl, clientIdPrefix: 'test-' });
  let certain = true;
  let asked = 0;
  const waiting: (() => void)[] = [];
  const guard = createSendGuard({
    isCertain() {
      asked += 1;
      return certain;
    },
    untilCertain: () => (certain ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  });
  await client.promptCount(); // the socket is open and idle: the next call is written a turn later
  const done = guard.pass((mayBegin) => {
    const sent = client.submit({ promptId: 'p', clientId: 'c', graphJson: '{}', mayBegin });
    if (asked === 0) certain = false;
    return sent;
  });
  await expect.poll(() => waiting.length).toBe(1);
  expect(asked).toBe(1);
  expect(posts).toBe(0);
  certain = true;
  const again = guard.pass((mayBegin) => client.submit({ promptId: 'q', clientId: 'c', graphJson: '{}', mayBegin }));
  expect(await again).toMatchObject({ kind: 'queued' });
  expect(posts).toBe(1);
  for (const goOn of waiting) goOn();
  expect(await done).toMatchObject({ kind: 'queued' });
  expect(posts).toBe(2);
  await client.close();
});

it('holds back an interrupt too, and says nothing of it as an error', async () => {
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createComfyClient({ baseUrl, clientIdPrefix: 'test-' });
  const answers = [false, true];
  const guard = createSendGuard({ isCertain: () => answers.shift() === true, untilCertain: async () => undefined });
  await guard.pass((mayBegin) => client.interrupt('p', { mayBegin }));
  expect([answers, posts]).toEqual([[], 1]);
  await client.close();
});
