// A collector on loopback that takes OTLP over HTTP: reads JSON, counts calls of either encoding. Used by tests of traces.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { until } from './until.ts';

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 is an error. */
  readonly status: number;
}

export interface TraceReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly contentTypes: readonly string[];
  /** What the service says about itself. */
  readonly resource: Readonly<Record<string, unknown>>;
  /** Everything that came, as text. */
  readonly text: string;
  untilSpan(what: string, isIt: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** Called at the top of a test file. */
export function useTraceReceiver(): () => TraceReceiver {
  const spans: ReceivedSpan[] = [];
  const contentTypes: string[] = [];
  let resource: Record<string, unknown> = {};
  let text = '';
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    text += body;
    contentTypes.push(String(request.headers['content-type']));
    if (contentTypes.at(-1) === 'application/json') {
      for (const { resource: of, scopeSpans } of (JSON.parse(body) as OtlpBody).resourceSpans) {
        resource = readAttributes(of.attributes);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans).map(readSpan));
      }
    }
    response.writeHead(200, { 'content-type': String(request.headers['content-type']) });
    response.end(contentTypes.at(-1) === 'application/json' ? '{}' : undefined);
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return () => ({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    contentTypes,
    resource,
    text,
    untilSpan: (what, isIt) => until(what, () => spans.find(isIt)),
  });
}

function readSpan(span: OtlpSpan): ReceivedSpan {
  return {
    name: span.name,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    kind: span.kind,
    from: Number(BigInt(span.startTimeUnixNano) / 1_000n) / 1_000,
    until: Number(BigInt(span.endTimeUnixNano) / 1_000n) / 1_000,
    attributes: readAttributes(span.attributes),
    status: span.status.code ?? 0,
  };
}

function readAttributes(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
