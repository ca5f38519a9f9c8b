// Every code of the catalogue, by its real cause, in every place where the catalogue says it is told. The table is total:
// a new code does not compile without its test. What is said is compared with docs/captured-errors.json, from which the
// reference page is made; tools/capture-errors.ts writes it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { ERROR_CODES, ERRORS, type ErrorCode } from '@comfleet/api';
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { useDatabaseDoor } from '../testing/database-door.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import {
  type Capture,
  capture,
  captureEnd,
  captureRun,
  type EveryCode,
  type Example,
  NO_ID,
  SLOW,
  toExample,
} from '../testing/provoke.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const QUEUE_LIMIT = 4;

const door = useDatabaseDoor();
const receiver = useWebhookReceiver();
const cutOff = useTestApp({ reachThrough: door.through });
const app = useTestApp(() => ({
  env: {
    COMFLEET_QUEUE_LIMIT: String(QUEUE_LIMIT),
    COMFLEET_BODY_LIMIT_BYTES: '65536',
    COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host,
  },
}));
const executing = useTestApp({ emulator: 'executing' });
const billing = useTestApp({ env: { COMFLEET_BILLING: 'on' } });
const sandbox = useTestApp({ env: { COMFLEET_SANDBOX: 'on' } });

const submitTo = (deploymentId: string) => `/deployments/${deploymentId}/inference`;
const post = (body: JsonObject = {}) => ({ method: 'POST', body });
const faulty = (emulator: JsonObject): JsonObject => ({ extra_data: { emulator } });
const run = async (text: string) => await app().db.query<JsonObject>({ text, values: [] });
const run1 = async (body: JsonObject, graph?: JsonObject) =>
  await captureRun(app(), await app().createDeployment(graph), body);

async function addFunds(usd: number) {
  const { body } = await billing().call('/account');
  const credits = `/admin/accounts/${body['id']}/credits`;
  return await billing().call(credits, { method: 'POST', body: { amount_usd: usd } });
}

async function withoutFunds(): Promise<Capture> {
  await addFunds(1);
  const deploymentId = await billing().createDeployment();
  await addFunds(-1);
  return await capture(billing(), submitTo(deploymentId), post());
}

async function fundsTaken(): Promise<Capture> {
  await addFunds(1);
  const deploymentId = await billing().createDeployment();
  const running = await billing().submit(deploymentId, SLOW);
  const waiting = await billing().submit(deploymentId, SLOW);
  await addFunds(-1);
  const ended = await captureEnd(billing(), deploymentId, waiting);
  await billing().cancel(deploymentId, running);
  await billing().untilEnded(deploymentId, running);
  return ended;
}

async function disabled(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
  return await capture(app(), submitTo(deploymentId), post());
}

async function disabledMeanwhile(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const requestId = await app().submit(deploymentId, SLOW);
  await app().untilStatus(deploymentId, requestId, 'in_progress');
  await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
  return await captureEnd(app(), deploymentId, requestId);
}

async function deleted(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  await app().call(`/deployments/${deploymentId}`, { method: 'DELETE' });
  return await capture(app(), submitTo(deploymentId), post());
}

// No poll sees it any more: the webhook tells it.
async function deletedMeanwhile(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const body = { ...SLOW, webhook: receiver().url('/deleted') };
  const requestId = await app().submit(deploymentId, body);
  await app().untilStatus(deploymentId, requestId, 'in_progress');
  await app().call(`/deployments/${deploymentId}`, { method: 'DELETE' });
  const [call] = await receiver().untilCalled('/deleted');
  return { call: `POST ${receiver().url('/deleted')}`, webhook: call?.body ?? {} };
}

// Its stored payload is gone when its turn comes.
async function impossible(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const running = await app().submit(deploymentId, SLOW);
  await app().untilStatus(deploymentId, running, 'in_progress');
  const waiting = [
    await app().submit(deploymentId),
    await app().submit(deploymentId),
    await app().submit(deploymentId),
  ];
  const last = waiting.at(-1) ?? '';
  await app().db.query(sql`delete from request_payloads where request_id = ${last}`);
  await app().restart();
  await app().cancel(deploymentId, running);
  return await captureEnd(app(), deploymentId, last);
}

async function unreadableState(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const requestId = String((await app().run(deploymentId))['request_id']);
  await app().restart(); // what ended lately is told from memory
  await run('alter table requests rename column outputs to moved_away');
  const at = `/deployments/${deploymentId}/requests/${requestId}`;
  const made = await capture(app(), `${at}/status`);
  for (const path of [`${at}/result`, `${at}/events`]) expectError(await app().call(path), 10005);
  await run('alter table requests rename column moved_away to outputs');
  expect((await app().status(deploymentId, requestId)).body).toMatchObject({ status: 'completed' });
  return made;
}

async function unreachable<T>(act: () => Promise<T>): Promise<T> {
  await app().stopEmulator();
  try {
    return await act();
  } finally {
    await app().startEmulator();
  }
}

async function proxyToNobody(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const { body } = await app().call(`/deployments/${deploymentId}/instances`);
  const [instance] = body['data'] as JsonObject[];
  const path = `/deployments/${deploymentId}/instances/${instance?.['id']}/proxy/system_stats`;
  return await unreachable(async () => await capture(app(), path));
}

async function identicalWithoutFiles(): Promise<Capture> {
  const deploymentId = await executing().createDeployment({
    '1': { class_type: 'EmptyImage', inputs: { width: 24, height: 24, batch_size: 1, color: 7 } },
    '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
  });
  const first = await executing().run(deploymentId);
  await executing().db.query(sql`delete from request_files where request_id = ${String(first['request_id'])}`);
  executing().emulator.faults.merge({ view: { status: 404 } });
  return await captureRun(executing(), deploymentId);
}

async function reusedKey(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const headers = { 'idempotency-key': 'order-4711' };
  await app().submit(deploymentId, {}, { headers });
  const body = { overrides: { '1': { inputs: { color: 1 } } } };
  return await capture(app(), submitTo(deploymentId), { ...post(body), headers });
}

async function tooLarge(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  const text = JSON.stringify({ overrides: {}, extra_data: { pad: 'x'.repeat(70_000) } });
  return await capture(app(), submitTo(deploymentId), { method: 'POST', body: text });
}

async function fullQueue(): Promise<Capture> {
  const deploymentId = await app().createDeployment();
  for (let count = 0; count < QUEUE_LIMIT; count += 1) await app().submit(deploymentId, SLOW);
  return await capture(app(), submitTo(deploymentId), post());
}

async function brokenTable(): Promise<Capture> {
  await run('alter table workflows rename to moved_away');
  const made = await capture(app(), '/workflows');
  await run('alter table moved_away rename to workflows');
  return made;
}

async function withoutDatabase(): Promise<Capture> {
  const deploymentId = await cutOff().createDeployment();
  await cutOff().run(deploymentId);
  await door.shut();
  const made = await capture(cutOff(), submitTo(deploymentId), post());
  await door.open();
  await until('readiness', async () => (await cutOff().call('//readyz', { token: null })).status === 200);
  return made;
}

async function foreign(): Promise<Capture> {
  const token = await app().addAccount();
  return await capture(app(), `/deployments/${await app().createDeployment()}`, { token });
}

const overrides = (nodeId: string, inputs: JsonObject): JsonObject => ({ overrides: { [nodeId]: { inputs } } });

/** Nothing that a call can do makes a body say it: unforeseen faults of calls are 500001 and 10005. */
const simulated = async () => await capture(sandbox(), '/workflows', { headers: { 'comfleet-simulate': '10000' } });

const EVERY_CODE: EveryCode = {
  401001: { body: async () => await capture(app(), '/deployments', { token: null }) },
  403003: { body: foreign },
  404001: { body: async () => await capture(app(), `/deployments/${NO_ID}`) },
  405001: { body: async () => await capture(app(), '/deployments', { method: 'PUT', body: {} }) },
  409001: { body: reusedKey },
  413001: { body: tooLarge },
  422001: {
    body: async () =>
      await capture(app(), submitTo(await app().createDeployment()), post(overrides('1', { width: 0, colour: 3 }))),
  },
  429001: { body: fullQueue },
  500001: { body: brokenTable },
  503001: { body: withoutDatabase },
  10000: { body: simulated, result: impossible },
  10001: { body: withoutFunds, result: fundsTaken },
  10002: { body: disabled, result: disabledMeanwhile },
  10003: { body: deleted, result: deletedMeanwhile },
  10004: {
    async result() {
      app().emulator.faults.merge({ refuse: { how: 'unavailable', paths: ['/prompt'], times: 1 } });
      return await run1({});
    },
  },
  10005: { body: unreadableState },
  10006: { result: async () => await run1(faulty({ lie: 'noOutputs' })) },
  10007: {
    body: proxyToNobody,
    result: async () => {
      const deploymentId = await app().createDeployment();
      return await unreachable(async () => await captureRun(app(), deploymentId, { start_within_seconds: 0.5 }));
    },
  },
  10008: { result: async () => await run1(overrides('1', { image: 'nowhere.png' }), PHOTO) },
  10009: { result: async () => await run1(overrides('1', { image: 'https://192.168.0.7/photo.png' }), PHOTO) },
  10011: { result: async () => await run1(faulty({ outOfMemory: true })) },
  10012: { result: async () => await run1(faulty({ forget: true })) },
  10013: { body: async () => await capture(app(), submitTo(await app().createDeployment({})), post()) },
  200001: { result: identicalWithoutFiles },
};

const CAPTURED = new URL('../../../docs/captured-errors.json', import.meta.url);
const examples: Example[] = [];

afterEach(async () => {
  for (const each of [app(), executing()]) each.emulator.faults.clear();
  await app().cancelAll();
});

afterAll(() => {
  if (process.env['COMFLEET_CAPTURE'] === undefined) return;
  const sorted = examples.sort((a, b) => a.code - b.code || (a.kind < b.kind ? -1 : 1));
  writeFileSync(CAPTURED, `${JSON.stringify(sorted, null, 2)}\n`);
});

describe.each(ERROR_CODES)('%i', (code) => {
  const { reportedIn, header } = ERRORS[code];
  const { body, result } = EVERY_CODE[code];

  it('is told where the catalogue says, and nowhere else', () => {
    expect([body && 'body', result && 'result'].filter((place) => place !== undefined)).toEqual(reportedIn);
  });

  if (body) {
    it('ends the call that causes it, with its status, its header and its body', async () => {
      const made = await body();
      const { reply } = made;
      if (reply === undefined) throw new Error('no reply');
      expectError(reply, code);
      if (header !== undefined) expect(reply.headers.get(header), header).not.toBeNull();
      if (header === 'Retry-After') expect(Number(reply.headers.get(header))).toBeGreaterThan(0);
      keep(code, made);
    });
  }

  if (result) {
    it('ends the request that causes it, in its result', async () => {
      const made = await result();
      expectEntry(code, made);
      keep(code, made);
    });
  }
});

function expectEntry(code: ErrorCode, { result, webhook }: Capture) {
  if (webhook) {
    expect(webhook).toMatchObject({ status: 'failed', error: { errorCode: code }, errors: [{ errorCode: code }] });
    expect((webhook['errors'] as JsonObject[])[0]).toEqual(webhook['error']);
  } else if (code === 200001) {
    expect(result).toMatchObject({ status: 'succeeded', error: [{ error: ERRORS[code].name, errorCode: code }] });
  } else expectFailed(result ?? {}, code);
}

/** As the reference page shows it: the same code, status, headers and keys as now. */
function keep(code: ErrorCode, made: Capture) {
  const example = toExample(code, made, EVERY_CODE[code].body === simulated && made.reply !== undefined);
  examples.push(example);
  if (process.env['COMFLEET_CAPTURE'] !== undefined) return;
  const known = (JSON.parse(readFileSync(CAPTURED, 'utf8')) as Example[]).find(
    (each) => each.code === code && each.kind === example.kind,
  );
  expect(shapeOf(known), 'npx tsx tools/capture-errors.ts writes it anew').toEqual(shapeOf(example));
}

function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  const pairs = Object.entries(value).map(([key, each]) => [key, EXACT.includes(key) ? each : shapeOf(each)]);
  return Object.fromEntries(pairs);
}

const EXACT = ['code', 'error_code', 'errorCode', 'status', 'kind', 'isSimulated', 'type'];
