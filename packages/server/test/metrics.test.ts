// What Prometheus reads, and who may.
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const TOKEN = 'a-token-for-the-metrics';

/** The counts are the process's, and other test files ran in it. */
function countsOf(text: string): (series: RegExp) => number {
  return (series) => Number(new RegExp(`^${series.source} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

const COUNTED = [
  /comfleet_requests_ended_total\{outcome="succeeded",code=""\}/,
  /comfleet_submits_total\{result="accepted"\}/,
  /comfleet_submits_total\{result="422001"\}/,
  /comfleet_request_queue_seconds_count/,
  /comfleet_http_requests_total\{method="POST",route="[^"]+inference",status="4xx"\}/,
];

describe('with a token and a port of their own', () => {
  const app = useTestApp({ env: { COMFLEET_METRICS_TOKEN: TOKEN, COMFLEET_ADMIN_PORT: '0' } });

  it('the metrics tell what happened, on both ports', async () => {
    const { text: before } = await app().call('//metrics', { token: TOKEN });
    const deploymentId = await app().createDeployment();
    await app().run(deploymentId);
    expectError(await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body: '{' }), 422001);
    const ours = await app().call('//metrics', { token: TOKEN });
    const admin = await (await fetch(`${app().adminUrl}/metrics`)).text();
    expect(ours.headers.get('content-type')).toMatch(/^text\/plain/);
    for (const text of [ours.text, admin]) {
      const [then, now] = [countsOf(before), countsOf(text)];
      expect(COUNTED.map((series) => now(series) - then(series))).toEqual([1, 1, 1, 1, 1]);
      expect(text).toMatch(/comfleet_instances\{phase="ready"\} 1/);
      expect(text).toMatch(/comfleet_queue_depth\{priority="normal"\} 0/);
      expect(text).toMatch(/comfleet_instance_start_seconds_count [1-9]/);
      expect(text).toMatch(/comfleet_database_connections\{state="waiting"\} 0/);
      expect(text).toMatch(/nodejs_eventloop_lag_max_seconds/);
      expect(text).not.toContain(deploymentId);
    }
  });

  it('the page for operators names each of them', async () => {
    const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
    const { text } = await app().call('//metrics', { token: TOKEN });
    const names = [...text.matchAll(/^# TYPE (comfleet_\w+)/gm)].map(([, name]) => String(name));
    expect(names).toContain('comfleet_instance_start_seconds');
    expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  });

  it('nobody reads them on the port of the API without the token', async () => {
    for (const token of [null, 'another', app().token]) expectError(await app().call('//metrics', { token }), 401001);
  });

  it('the admin port tells health, and nothing else', async () => {
    for (const path of ['healthz', 'readyz']) expect((await fetch(`${app().adminUrl}/${path}`)).status).toBe(200);
    expect((await fetch(`${app().adminUrl}/prod/v2/deployments`)).status).toBe(404);
  });
});

it('a start whose admin port is taken fails, and leaves nothing that listens', async () => {
  const [api, taken] = [createServer(), createServer()];
  const listen = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return String((server.address() as AddressInfo).port);
  };
  const env = { PORT: await listen(api), COMFLEET_ADMIN_PORT: await listen(taken) };
  await new Promise((resolve) => api.close(resolve));
  await expect(createTestApp({ emulator: 'none', env })).rejects.toThrow('EADDRINUSE');
  await expect(fetch(`http://127.0.0.1:${env.PORT}/healthz`)).rejects.toThrow('fetch failed');
  taken.close();
});

describe('without settings', () => {
  const app = useTestApp();

  it('there are no metrics', async () => {
    expectError(await app().call('//metrics'), 404001);
    expect(app().adminUrl).toBeUndefined();
  });
});
