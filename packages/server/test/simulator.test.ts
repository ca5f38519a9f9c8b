// The error simulator of a sandbox: every code in every place where it is told, without an instance where none is needed,
// and nothing else disturbed.
import { ERROR_CODES, ERRORS, type ErrorCode } from '@comfleet/api';
import type { JsonObject } from '@comfleet/comfyui';
import { beforeAll, describe, expect, it } from 'vitest';
import { BEHAVIOURS, type Place } from '../src/requests/simulation/behaviours.pure.ts';
import { PICTURE, type Reply } from '../testing/caller.ts';
import { type TestApp, useTestApp } from '../testing/create-test-app.ts';
import { readEvents } from '../testing/event-reader.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const receiver = useWebhookReceiver();
const app = useTestApp(() => ({
  env: { COMFLEET_SANDBOX: 'on', COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host, COMFLEET_BILLING: 'on' },
}));
/** Nobody ever said which nodes exist. */
const empty = useTestApp({ emulator: 'none', env: { COMFLEET_SANDBOX: 'on', COMFLEET_COMFYUI: 'http://127.0.0.1:9' } });
const ordinary = useTestApp();

beforeAll(async () => {
  const { body } = await app().call('/account');
  await app().call(`/admin/accounts/${body['id']}/credits`, { method: 'POST', body: { amount_usd: 1_000 } });
});

const FOUR_KEYS = ['cancel_url', 'request_id', 'result_url', 'status_url'];

const asking = (text: string) => ({ headers: { 'comfleet-simulate': text } });
const submit = (service: TestApp, deploymentId: string, text: string, body: JsonObject = {}) =>
  service.call(`/deployments/${deploymentId}/inference`, { method: 'POST', body, ...asking(text) });

async function accepted(reply: Promise<Reply>): Promise<string> {
  const { status, text, body } = await reply;
  expect([status, Object.keys(status === 200 ? body : {}).sort()], text).toEqual([200, FOUR_KEYS]);
  return String(body['request_id']);
}

const places = (place: Place): ErrorCode[] => ERROR_CODES.filter((code) => BEHAVIOURS[code].places.includes(place));

function expectHeader(reply: Reply, code: ErrorCode) {
  const { header } = ERRORS[code];
  if (header !== undefined) expect(reply.headers.get(header), header).not.toBeNull();
}

describe('a submit that asks for an error', () => {
  it.each(places('submit'))('is answered with %i, and nothing is accepted', async (code) => {
    const deploymentId = await empty().createDeployment();
    const reply = await submit(empty(), deploymentId, `${code};in=submit`);
    expectError(reply, code);
    expectHeader(reply, code);
    expect((await empty().call(`/deployments/${deploymentId}/requests`)).body['data']).toEqual([]);
    expect((await empty().call(`/deployments/${deploymentId}`)).body).toMatchObject({ is_enabled: true });
  });

  it.concurrent.each(places('result'))(
    'is accepted and ends with %i in its result, without an instance',
    async (code) => {
      const deploymentId = await empty().createDeployment();
      const requestId = await accepted(submit(empty(), deploymentId, `${code};in=result;after=400ms`));
      const words = await followStatus(empty(), deploymentId, requestId);
      expect(words).toEqual(['in_queue', ...(BEHAVIOURS[code].isRun ? ['in_progress'] : []), 'completed']);
      const { body: result } = await empty().result(deploymentId, requestId);
      if (code === 200001) {
        expect(result).toMatchObject({ status: 'succeeded', error: [{ errorCode: 200001 }] });
        expect(JSON.stringify(result['outputs'])).toMatch(/"filename":"[^"]+"/);
        expect(JSON.stringify(result['outputs'])).not.toContain('"url"');
      } else expect(expectFailed(result, code).details).toContain('Simulated');
      expect(Object.hasOwn(result, 'instance_id')).toBe(BEHAVIOURS[code].isRun === true);
    },
  );

  it.concurrent.each(places('status'))('runs, and its status answers %i as often as was asked', async (code) => {
    const deploymentId = await app().createDeployment();
    const requestId = await accepted(submit(app(), deploymentId, `${code};in=status;times=2`));
    for (let count = 0; count < 2; count += 1) {
      const reply = await app().status(deploymentId, requestId);
      expectError(reply, code);
      expectHeader(reply, code);
    }
    expect((await app().status(deploymentId, requestId)).status).toBe(200);
    expect(await app().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
  });

  it('may do so by a label of its body', async () => {
    const deploymentId = await app().createDeployment();
    const metadata = { 'comfleet-simulate': '10009;after=0', order: '7' };
    const requestId = await app().submit(deploymentId, { metadata });
    expectFailed(await app().untilEnded(deploymentId, requestId), 10009);
    expectError(
      await app().call(`/deployments/${deploymentId}/inference`, {
        method: 'POST',
        body: { metadata: { 'comfleet-simulate': '10013' } },
      }),
      10013,
    );
  });

  it('is told what is possible when it asks for what is not', async () => {
    const deploymentId = await app().createDeployment();
    const { detail } = expectError(await submit(app(), deploymentId, '10010'), 422001);
    expect(detail).toMatchObject([{ loc: ['header', 'comfleet-simulate'], type: 'unknown_code', input: '10010' }]);
    expect(detail[0]?.msg).toContain('10011 ComfyUIExecutionError');
    const body = { metadata: { 'comfleet-simulate': '10011;after=never' } };
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: ['body', 'metadata', 'comfleet-simulate'] }]);
  });

  it('is still judged: its body has to be good, and its deployment there and open', async () => {
    const deploymentId = await app().createDeployment();
    const body = { overrides: { '9': { inputs: { x: 1 } } } };
    expectError(await submit(app(), deploymentId, '10011', body), 422001);
    await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
    expectError(await submit(app(), deploymentId, '10011'), 10002);
  });
});

describe('a simulated request', () => {
  it('names a node of its graph, runs nothing and costs nothing', async () => {
    const deploymentId = await app().createDeployment(PICTURE);
    const before = app().emulator.executions().length;
    const { text: balance } = await app().call('/balance');
    const requestId = await accepted(submit(app(), deploymentId, '10011;after=200ms'));
    const result = await app().untilEnded(deploymentId, requestId);
    const { details, debugInfo } = expectFailed(result, 10011);
    expect(details).toContain('Node 2 (SaveImage) ran out of memory');
    expect(debugInfo).toContain('OutOfMemoryError');
    expect(app().emulator.executions()).toHaveLength(before);
    expect((await app().call('/balance')).text).toBe(balance);
    const { body } = await app().call(`/deployments/${deploymentId}/requests/${requestId}`);
    expect(body).toMatchObject({ cost_microdollars: 0, attempts: [{ outcome: 'failed' }], graph: { '2': {} } });
    const list = await app().call(`/deployments/${deploymentId}/requests?error_code=10011`);
    expect(list.body['data']).toMatchObject([
      { request_id: requestId, status: 'failed', metadata: { 'comfleet-simulate': '10011;after=200ms' } },
    ]);
  });

  it('leaves the others alone', async () => {
    const deploymentId = await app().createDeployment();
    const simulated = await accepted(submit(app(), deploymentId, '10012;after=1m'));
    expect(await app().run(deploymentId)).toMatchObject({ status: 'succeeded' });
    await app().cancel(deploymentId, simulated);
    await app().untilEnded(deploymentId, simulated);
  });

  it.each([
    ['waits', '10009;after=1m', 'in_queue'],
    ['seems to run', '10011;after=2s', 'in_progress'],
  ])('is cancelled while it %s', async (_what, text, word) => {
    const deploymentId = await app().createDeployment();
    const requestId = await accepted(submit(app(), deploymentId, text));
    await app().untilStatus(deploymentId, requestId, word);
    expect((await app().cancel(deploymentId, requestId)).status).toBe(202);
    expect(await app().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'cancelled' });
  });

  it('ends with its deployment', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await accepted(submit(app(), deploymentId, '10011;after=1m'));
    await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
    expectFailed(await app().untilEnded(deploymentId, requestId), 10002);
  });

  it('is told by webhooks, its start included, and by events', async () => {
    const deploymentId = await app().createDeployment();
    const body = { webhook: receiver().url('/simulated'), webhook_intermediate_status: true };
    const requestId = await accepted(submit(app(), deploymentId, '10006;after=1s', body));
    const path = `/prod/v2/deployments/${deploymentId}/requests/${requestId}/events`;
    const reader = await readEvents(app().url + path, { token: app().token });
    const words = (await reader.untilEnded()).flatMap(({ event, data }) =>
      event === 'status' ? [String(data['status'])] : [],
    );
    expect(words).toEqual(['in_queue', 'in_progress', 'completed']);
    expect(reader.named('end')).toMatchObject([{ status: 'failed' }]);
    const calls = await receiver().untilCalled('/simulated', 3);
    expect(calls.map((call) => call.body['status'])).toEqual(['in_queue', 'in_progress', 'failed']);
    expect(calls[2]?.body).toMatchObject({
      error: { errorCode: 10006 },
      metadata: { 'comfleet-simulate': '10006;after=1s' },
    });
  });

  it('is waited for with Prefer, and is the same under its Idempotency-Key', async () => {
    const deploymentId = await app().createDeployment();
    const headers = { 'comfleet-simulate': '10008;after=100ms', prefer: 'wait=10', 'idempotency-key': 'k' };
    const path = `/deployments/${deploymentId}/inference`;
    const first = await app().call(path, { method: 'POST', body: {}, headers });
    expect(first.body).toMatchObject({ status: 'failed', error: [{ errorCode: 10008 }] });
    const again = await app().call(path, { method: 'POST', body: {}, headers });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body['request_id']).toBe(first.body['request_id']);
  });

  it('goes on after a restart, waiting and running alike', async () => {
    const deploymentId = await empty().createDeployment();
    const running = await accepted(submit(empty(), deploymentId, '10011;after=4s'));
    const waiting = await accepted(submit(empty(), deploymentId, '10009;after=4s'));
    await empty().untilStatus(deploymentId, running, 'in_progress');
    await empty().restart();
    expectFailed(await empty().untilEnded(deploymentId, running), 10011);
    expectFailed(await empty().untilEnded(deploymentId, waiting), 10009);
  });
});

describe('any other call of a sandbox', () => {
  const told = ERROR_CODES.filter((code) => ERRORS[code].reportedIn.includes('body'));

  it.each(told)('is answered with %i when it asks for it', async (code) => {
    const reply = await app().call('/deployments', asking(String(code)));
    expectError(reply, code);
    expectHeader(reply, code);
  });

  it('changes nothing when it is answered so', async () => {
    const deploymentId = await app().createDeployment();
    const path = `/deployments/${deploymentId}`;
    expectError(await app().call(path, { method: 'DELETE', ...asking('503001') }), 503001);
    expectError(await app().call(path, { method: 'PATCH', body: { name: 'new' }, ...asking('409001') }), 409001);
    expect((await app().call(path)).body).toMatchObject({ name: 'a deployment' });
  });

  it('may be one through the instance proxy, its body unread', async () => {
    const deploymentId = await app().createDeployment();
    const path = `/deployments/${deploymentId}/instances/anyone/proxy/upload/image`;
    const reply = await app().call(path, { method: 'POST', body: Buffer.alloc(3_000_000), ...asking('10007') });
    expectError(reply, 10007);
    expectHeader(reply, 503001);
    expect((await app().call(`/deployments/${deploymentId}`)).status).toBe(200);
  });

  it('may be a public one', async () => {
    expectError(await app().call('//healthz', { token: null, ...asking('500001') }), 500001);
    expect((await app().call('//healthz', { token: null })).status).toBe(200);
  });

  it('waits as long as was asked, and names the methods of its path', async () => {
    const began = performance.now();
    const reply = await app().call('/deployments', asking('405001;after=300ms'));
    expectError(reply, 405001);
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(reply.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
  });

  it('is told that some codes are of results only', async () => {
    expect(expectError(await app().call('/deployments', asking('10011')), 422001).message).toContain('with a submit');
  });

  it('has to come from somebody who may', async () => {
    expectError(await app().call('/deployments', { token: null, ...asking('503001') }), 401001);
  });
});

describe('a server that is no sandbox', () => {
  it('does not look at the header, and keeps the label as any other', async () => {
    expect((await ordinary().call('/deployments', asking('503001'))).status).toBe(200);
    const deploymentId = await ordinary().createDeployment();
    const requestId = await accepted(
      submit(ordinary(), deploymentId, '10011', { metadata: { 'comfleet-simulate': '10011' } }),
    );
    expect(await ordinary().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
  });
});

async function followStatus(service: TestApp, deploymentId: string, requestId: string): Promise<string[]> {
  const words: string[] = [];
  await until('the end of what it goes through', async () => {
    const { status, body } = await service.status(deploymentId, requestId);
    expect(status).toBe(200);
    const word = String(body['status']);
    if (words.at(-1) !== word) words.push(word);
    if (word === 'in_queue') expect(body['queue_position']).toBe(1);
    return word === 'completed';
  });
  return words;
}
