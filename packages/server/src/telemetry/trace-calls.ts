// Spans of HTTP calls that come in and go out, by OpenTelemetry's semantic conventions. http/trace-server.ts, the fetch of
// media and the delivery of webhooks call it. No query, no header and no body is told.
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { tracing } from './traces.ts';

export interface OutgoingCall {
  /** To be sent along; empty when the trace is not kept. */
  readonly headers: Readonly<Record<string, string>>;
  end(how: { readonly status?: number | undefined; readonly error?: string | undefined }): void;
}

const UNTRACED: OutgoingCall = { headers: {}, end: () => undefined };

interface Outgoing {
  readonly method: string;
  readonly url: string;
  /** The path of a webhook may be its key: then only the host is told. */
  readonly isPathSecret: boolean;
  readonly parent: Context | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

export function beginOutgoing(given: () => Outgoing): OutgoingCall {
  const on = tracing();
  if (on === undefined) return UNTRACED;
  const { method, url, isPathSecret, parent = ROOT_CONTEXT, attributes } = given();
  if (!URL.canParse(url)) return UNTRACED;
  const { protocol, hostname, port, host, pathname } = new URL(url);
  const span = on.tracer.startSpan(
    method,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        ...attributes,
        'http.request.method': method,
        'url.full': `${protocol}//${host}${isPathSecret ? '' : pathname}`,
        'server.address': hostname,
        'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      },
    },
    parent,
  );
  const headers: Record<string, string> = {};
  if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) {
    on.propagator.inject(trace.setSpan(parent, span), headers, defaultTextMapSetter);
  }
  return { headers, end: (how) => endCall(span, { ...how, isFailure: (status) => status >= 400 }) };
}

/** The span of a call to us, and what is below it. */
export interface IncomingCall {
  readonly context: Context;
  end(how: {
    readonly status: number;
    readonly name: string;
    readonly attributes: Readonly<Record<string, string | number>>;
    readonly error: string | undefined;
  }): void;
}

export function beginIncoming(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  method: string,
): IncomingCall | undefined {
  const on = tracing();
  if (on === undefined) return undefined;
  const parent = on.propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const attributes = { 'http.request.method': method };
  const span = on.tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  return {
    context: trace.setSpan(parent, span),
    end({ status, name, attributes, error }) {
      span.updateName(name);
      span.setAttributes(attributes);
      endCall(span, { status, error, isFailure: (code) => code >= 500 });
    },
  };
}

interface End {
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly isFailure: (status: number) => boolean;
}

function endCall(span: Span, { status, error, isFailure }: End): void {
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  const isFailed = status === undefined ? error !== undefined : isFailure(status);
  if (error !== undefined || isFailed) span.setAttribute('error.type', error ?? String(status));
  if (isFailed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
