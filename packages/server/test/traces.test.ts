// Traces as a collector receives them: the spans of a whole request, the caller's traceparent, and nothing secret.
// routes: submitRequest
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';
import { useFileServer } from '../testing/file-server.ts';
import { type ReceivedSpan, useTraceReceiver } from '../testing/trace-receiver.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const asked: Record<string, unknown>[] = [];
const files = useFileServer((request, response) => {
  asked.push(request.headers);
  if (request.url?.startsWith('/pixel')) return void response.end(PIXEL);
  response.writeHead(404).end();
});
const webhooks = useWebhookReceiver();
const collector = useTraceReceiver();

beforeAll(() => {
  // The SDK reads the environment of the process itself.
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector().url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20');
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test');
  return () => vi.unstubAllEnvs();
});

const app = useTestApp(() => ({
  env: {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector().url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    COMFLEET_ALLOW_PRIVATE_HOSTS: `${files().host},${webhooks().host}`,
  },
}));

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = (flags: '00' | '01') => ({ traceparent: `00-${TRACE}-b7ad6b7169203331-${flags}` });
const requestIs = (id: string) => (span: ReceivedSpan) => span.attributes['comfleet.request_id'] === id;

const spanOf = (requestId: string, name: string) =>
  collector().untilSpan(`${name} of ${requestId}`, (span) => span.name === name && requestIs(requestId)(span));
const below = (parent: ReceivedSpan, name: string) =>
  collector().untilSpan(`${name} below ${parent.name}`, (span) => {
    return span.name === name && span.parentSpanId === parent.spanId && span.traceId === parent.traceId;
  });
const submitRoute = 'POST /prod/v2/deployments/:deployment_id/inference';

describe('a request', () => {
  it('is one trace from the submit to its webhook', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const body = {
      overrides: { '1': { inputs: { image: `${files().url}/pixel?signature=s3cret` } } },
      webhook: `${webhooks().url('/hook-s3cret')}?key=s3cret`,
    };
    const requestId = await app().submit(deploymentId, body, { headers: traceparent('01') });
    const request = await spanOf(requestId, 'request');
    const call = await collector().untilSpan('the call', (span) => span.spanId === request.parentSpanId);
    expect(call).toMatchObject({ name: submitRoute, kind: 2, traceId: TRACE, parentSpanId: 'b7ad6b7169203331' });
    expect(call.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/prod/v2/deployments/:deployment_id/inference',
      'http.response.status_code': 200,
      'comfleet.deployment_id': deploymentId,
    });
    expect(request.attributes).toMatchObject({
      'comfleet.deployment_id': deploymentId,
      'comfleet.instance_id': expect.any(String),
      'comfleet.outcome': 'succeeded',
    });
    const queued = await below(request, 'queued');
    const attempt = await below(request, 'attempt');
    expect(attempt.attributes).toMatchObject({ 'comfleet.attempt': 1, 'comfleet.outcome': 'succeeded' });
    const phases = [await below(attempt, 'media'), await below(attempt, 'run'), await below(attempt, 'collect')];
    const order = [request.from, queued.from, queued.until, attempt.from, ...phases.flatMap((p) => [p.from, p.until])];
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(attempt.until).toBeLessThanOrEqual(request.until);
    expect(order.at(-1)).toBeLessThanOrEqual(attempt.until);
    const fetched = await below(attempt, 'GET');
    expect(fetched).toMatchObject({ kind: 3, attributes: { 'http.response.status_code': 200 } });
    expect(fetched.attributes['url.full']).toBe(`${files().url}/pixel`);
    expect(asked.filter((headers) => 'traceparent' in headers)).toEqual([]);
    const delivered = await below(request, 'POST');
    expect(delivered).toMatchObject({ kind: 3, attributes: { 'url.full': `http://${webhooks().host}` } });
    const [hook] = await webhooks().untilCalled('/hook-s3cret');
    expect(hook?.headers['traceparent']).toBe(`00-${TRACE}-${delivered.spanId}-01`);
    expect(collector().text).not.toContain('s3cret');
    expect(collector().text).not.toContain(app().token);
    expect(collector().resource).toMatchObject({
      'service.name': 'comfleet',
      'deployment.environment.name': 'test',
    });
  });

  it('that its caller does not sample is not sampled, and its receiver is told of no trace', async () => {
    const deploymentId = await app().createDeployment();
    const body = { webhook: webhooks().url('/unsampled') };
    const requestId = await app().submit(deploymentId, body, { headers: traceparent('00') });
    const [hook] = await webhooks().untilCalled('/unsampled');
    expect(hook?.headers['traceparent']).toBeUndefined();
    const later = await app().submit(deploymentId);
    await spanOf(later, 'request');
    expect(collector().spans.filter(requestIs(requestId))).toEqual([]);
  });

  it('that fails says with which code, and so does a call', async () => {
    const deploymentId = await app().createDeployment();
    const extra_data = { emulator: { nodeError: { type: 'ValueError', message: 'no such colour' } } };
    const requestId = await app().submit(deploymentId, { extra_data });
    const request = await spanOf(requestId, 'request');
    expect(request).toMatchObject({ status: 2, attributes: { 'comfleet.code': 10011, 'comfleet.outcome': 'failed' } });
    expect(await below(request, 'attempt')).toMatchObject({ status: 2 });
    expectError(await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body: '{' }), 422001);
    const refused = await collector().untilSpan(
      'the refused call',
      (span) => span.attributes['comfleet.code'] === 422001,
    );
    expect(refused).toMatchObject({ name: submitRoute, status: 0, attributes: { 'http.response.status_code': 422 } });
  });

  it('that is cancelled while it waits has no attempt', async () => {
    const deploymentId = await app().createDeployment();
    const slow = { extra_data: { emulator: { serviceMs: 60_000 } } };
    const submitted = [await app().submit(deploymentId, slow)];
    // An instance is given some ahead; the first that it is not given waits.
    const waiting = await until('a request that waits', async () => {
      submitted.push(await app().submit(deploymentId, slow));
      const rows = await app().db.query<{ id: string }>(sql`select id from requests where state = 'queued'`);
      return rows[0]?.id;
    });
    await app().cancel(deploymentId, waiting);
    const request = await spanOf(waiting, 'request');
    expect(request).toMatchObject({ status: 0, attributes: { 'comfleet.outcome': 'cancelled' } });
    await app().cancelAll();
    for (const id of submitted) await spanOf(id, 'request');
    expect(collector().spans.filter((span) => span.name === 'attempt' && requestIs(waiting)(span))).toEqual([]);
  });

  it('that lives over a restart starts its trace anew', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: 1_000 } } });
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await app().restart();
    await app().untilEnded(deploymentId, requestId);
    const request = await spanOf(requestId, 'request');
    expect(request.parentSpanId).toBeUndefined();
    expect(await below(request, 'attempt')).toMatchObject({ attributes: { 'comfleet.resumed': true } });
  });
});

it('calls of health are not told, and paths of no route are not repeated', async () => {
  await app().call('//healthz');
  await app().call(`//nowhere/${app().token}`);
  const unknown = await collector().untilSpan(
    'the unknown route',
    (span) => span.attributes['comfleet.code'] === 404001,
  );
  expect(unknown).toMatchObject({ name: 'GET', attributes: { 'url.path': 'unknown' } });
  expect(collector().text).not.toContain('healthz');
});
