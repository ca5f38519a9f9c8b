import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useTraceReceiver } from '../../testing/trace-receiver.ts';
import { until } from '../../testing/until.ts';
import { createLogTo } from './log.ts';
import { SDK_PACKAGES, startTraces } from './start-traces.ts';
import { beginOutgoing } from './trace-calls.ts';
import { traces, tracing } from './traces.ts';
import { readTracesWish } from './traces-wish.pure.ts';

const lines: string[] = [];
const log = createLogTo('info', { write: (line) => lines.push(line) });
const collector = useTraceReceiver();
const post = { method: 'POST', url: 'http://127.0.0.1/x', isPathSecret: false, parent: undefined, attributes: {} };

afterEach(() => vi.unstubAllEnvs());

describe('traces', () => {
  it('are off, and nothing is loaded, without their variables', async () => {
    const load = vi.fn();
    await startTraces({ wish: readTracesWish({}), version: '1', log, load });
    expect(tracing()).toBeUndefined();
    expect(load).not.toHaveBeenCalled();
    const given = vi.fn(() => post);
    beginOutgoing(given).end({ status: 200 });
    expect(given).not.toHaveBeenCalled();
    expect(traces.contextOfId('a request')).toBeUndefined();
  });

  it('that are asked for without the SDK do not keep the service from starting; the log says what to install', async () => {
    const wish = readTracesWish({ OTEL_TRACES_EXPORTER: 'otlp' });
    const load = () => Promise.reject(new Error("Cannot find package '@opentelemetry/core'"));
    await startTraces({ wish, version: '1', log, load });
    expect(tracing()).toBeUndefined();
    const said = JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
    expect(said).toMatchObject({ level: 50, msg: expect.stringContaining('NO TRACES') });
    for (const [name, version] of Object.entries(SDK_PACKAGES)) expect(said['remedy']).toContain(`${name}@${version}`);
  });

  it('in words that are not served are named in the log', async () => {
    await startTraces({ wish: readTracesWish({ OTEL_TRACES_EXPORTER: 'zipkin' }), version: '1', log });
    expect(lines.at(-1)).toContain('OTEL_TRACES_EXPORTER=zipkin is not served');
  });

  it('are sent as protobuf by default, and what is left is sent at the stop', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector().url);
    vi.stubEnv('OTEL_SERVICE_NAME', 'renamed');
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '60000');
    const stop = await startTraces({ wish: readTracesWish(process.env), version: '1', log });
    beginOutgoing(() => post).end({ status: 200 });
    await stop();
    expect(tracing()).toBeUndefined();
    expect(collector().contentTypes).toEqual(['application/x-protobuf']);
    expect(collector().text).toContain('renamed');
  });

  it('that the collector does not take are named in the log, and the stop does not wait for it', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1');
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '1');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '200');
    const before = lines.length;
    const stop = await startTraces({ wish: readTracesWish(process.env), version: '1', log });
    beginOutgoing(() => post).end({ status: 200 });
    await until('a complaint', () => lines.slice(before).some((line) => line.includes('"msg":"traces"')));
    const began = performance.now();
    await stop();
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it('follow the sampler of the environment', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector().url);
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off');
    const count = collector().contentTypes.length;
    const stop = await startTraces({ wish: readTracesWish(process.env), version: '1', log });
    const call = beginOutgoing(() => post);
    call.end({ status: 200 });
    await stop();
    expect(call.headers).toEqual({});
    expect(collector().contentTypes).toHaveLength(count);
  });
});

it('the packages that the log names are the optional peers, in the versions that were tested', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(text);
  const peers = Object.keys(peerDependencies).filter((name) => name.startsWith('@opentelemetry/'));
  expect(peers.toSorted()).toEqual(Object.keys(SDK_PACKAGES).toSorted());
  for (const [name, version] of Object.entries(SDK_PACKAGES)) {
    expect(peerDependencies[name]).toBe(`^${version}`);
    expect(peerDependenciesMeta[name]).toEqual({ optional: true });
    expect(devDependencies[name]).toBe(version);
  }
});
