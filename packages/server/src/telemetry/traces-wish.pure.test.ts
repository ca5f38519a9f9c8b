import { expect, it } from 'vitest';
import { readTracesWish } from './traces-wish.pure.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

it.each([
  [{}, 'off'],
  [{ OTEL_SERVICE_NAME: 'x' }, 'off'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, 'off'],
  [endpoint, 'http/protobuf'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, 'http/protobuf'],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http/protobuf'],
  [{ OTEL_TRACES_EXPORTER: 'otlp,console' }, 'http/protobuf console'],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, 'off'],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: 'console' }, 'console'],
  [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, 'off'],
  [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, 'http/protobuf'],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, 'http/json'],
])('%j asks for %s', (env, wanted) => {
  const wish = readTracesWish(env);
  expect(wish.kind === 'on' ? wish.exporters.join(' ') : wish.kind).toBe(wanted);
});

it.each([
  [{ OTEL_TRACES_EXPORTER: 'jaeger' }, 'OTEL_TRACES_EXPORTER=jaeger is not served; use otlp, console or none'],
  [
    { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    'OTLP over grpc is not served; set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf or http/json',
  ],
])('%j is refused with words', (env, problem) => {
  expect(readTracesWish(env)).toEqual({ kind: 'unserved', problem });
});
