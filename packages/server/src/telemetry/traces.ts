// What traces say of a request: accepted → ended, with its waits and attempts below it. Off until start-traces.ts turns it
// on: while it is off each call below is one comparison. Times are those that the service keeps anyway.
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';

interface TracedRequest {
  readonly id: string;
  readonly deploymentId: string;
  readonly createdAt: number;
  readonly epoch: number;
  readonly instanceId: string | undefined;
  readonly leasedAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly trace:
    | {
        readonly readyAt: number;
        readonly media: readonly [number, number] | undefined;
        readonly runEndedAt: number | undefined;
      }
    | undefined;
}

type Outcome = 'succeeded' | 'failed' | 'cancelled';

interface Traced {
  readonly span: Span;
  readonly context: Context;
  waitsSince: number;
  attempt: { readonly span: Span; readonly context: Context } | undefined;
}

interface Switch {
  readonly tracer: Tracer;
  readonly propagator: TextMapPropagator;
}

let on: Switch | undefined;
let traced = new WeakMap<TracedRequest, Traced>();
/** By request id, for webhooks: they are sent when the request is gone from memory. The oldest is forgotten. */
const contexts = new Map<string, Context>();
const MAX_CONTEXTS = 10_000;

/** Gives what turns them off again. */
export function turnOnTraces(tracer: Tracer, propagator: TextMapPropagator): () => void {
  const mine = { tracer, propagator };
  on = mine;
  return () => {
    if (on !== mine) return;
    on = undefined;
    traced = new WeakMap();
    contexts.clear();
  };
}

/** For trace-calls.ts of http and of net; undefined while traces are off. */
export const tracing = (): Switch | undefined => on;

export const traces = {
  /** It is durable. `parent`: the submit's call. */
  requestAccepted(request: TracedRequest, parent: Context | undefined): void {
    if (on === undefined) return;
    begin(on, request, { parent, at: request.createdAt });
  },
  attemptStarted(request: TracedRequest, isResumed: boolean): void {
    if (on === undefined) return;
    const now = request.leasedAt !== undefined && !isResumed ? request.leasedAt : Date.now();
    // Accepted by an earlier life of this service: its trace starts anew.
    const known = traced.get(request) ?? begin(on, request, { parent: undefined, at: now });
    if (!isResumed) addWait(on, request, { known, until: now });
    const attributes = {
      'comfleet.request_id': request.id,
      'comfleet.attempt': request.epoch,
      'comfleet.resumed': isResumed,
      ...(request.instanceId === undefined ? {} : { 'comfleet.instance_id': request.instanceId }),
    };
    const span = on.tracer.startSpan('attempt', { startTime: new Date(now), attributes }, known.context);
    known.attempt = { span, context: trace.setSpan(known.context, span) };
  },
  /** The request waits again. */
  attemptLost(request: TracedRequest, given: { because: string; now: number }): void {
    if (on === undefined) return;
    const known = traced.get(request);
    if (known === undefined) return;
    known.attempt?.span.setStatus({ code: SpanStatusCode.ERROR, message: given.because });
    endAttempt(on, request, { known, now: given.now, isCollected: false });
    known.waitsSince = given.now;
  },
  requestEnded(request: TracedRequest, outcome: Outcome, code: number | undefined, now: number): void {
    if (on === undefined) return;
    const known = traced.get(request);
    if (known === undefined) return;
    const ends = known.attempt === undefined ? [known.span] : [known.attempt.span, known.span];
    for (const span of ends) {
      span.setAttribute('comfleet.outcome', outcome);
      if (code !== undefined) span.setAttribute('comfleet.code', code);
      if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, message: String(code) });
    }
    if (request.instanceId !== undefined) known.span.setAttribute('comfleet.instance_id', request.instanceId);
    if (known.attempt === undefined) addWait(on, request, { known, until: now });
    else endAttempt(on, request, { known, now, isCollected: outcome === 'succeeded' });
    known.span.end(new Date(now));
    traced.delete(request);
  },
  /** What a call made for this request is a part of. */
  contextOf(request: TracedRequest): Context | undefined {
    if (on === undefined) return undefined;
    const known = traced.get(request);
    return known?.attempt?.context ?? known?.context;
  },
  contextOfId: (requestId: string): Context | undefined => contexts.get(requestId),
};

function begin(
  { tracer }: Switch,
  request: TracedRequest,
  { parent, at }: { parent: Context | undefined; at: number },
): Traced {
  const attributes = { 'comfleet.request_id': request.id, 'comfleet.deployment_id': request.deploymentId };
  const base = parent ?? ROOT_CONTEXT;
  const span = tracer.startSpan('request', { startTime: new Date(at), attributes }, base);
  const context = trace.setSpan(base, span);
  const known = { span, context, waitsSince: at, attempt: undefined };
  traced.set(request, known);
  contexts.set(request.id, context);
  const oldest = contexts.keys().next().value;
  if (contexts.size > MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
  return known;
}

function addWait(own: Switch, request: TracedRequest, { known, until }: { known: Traced; until: number }): void {
  const from = known.waitsSince;
  const queued = addSpan(own, { name: 'queued', context: known.context, from, until });
  const readyAt = request.trace?.readyAt;
  if (readyAt === undefined || readyAt <= from) return;
  const context = trace.setSpan(known.context, queued);
  addSpan(own, { name: 'cold start', context, from, until: Math.min(readyAt, until) });
}

function endAttempt(
  own: Switch,
  request: TracedRequest,
  { known, now, isCollected }: { known: Traced; now: number; isCollected: boolean },
): void {
  const { attempt } = known;
  if (attempt === undefined) return;
  known.attempt = undefined;
  const { context } = attempt;
  const { startedAt, trace: times } = request;
  if (times?.media) addSpan(own, { name: 'media', context, from: times.media[0], until: times.media[1] });
  if (startedAt !== undefined) {
    addSpan(own, { name: 'run', context, from: startedAt, until: times?.runEndedAt ?? now });
  }
  if (isCollected && times?.runEndedAt !== undefined) {
    addSpan(own, { name: 'collect', context, from: times.runEndedAt, until: now });
  }
  attempt.span.end(new Date(now));
}

interface Stretch {
  readonly name: string;
  readonly context: Context;
  readonly from: number;
  readonly until: number;
}

// A Date, not a number: a number from before the process began would be taken for a time since then.
function addSpan({ tracer }: Switch, { name, context, from, until }: Stretch): Span {
  const span = tracer.startSpan(name, { startTime: new Date(from) }, context);
  span.end(new Date(Math.max(from, until)));
  return span;
}
