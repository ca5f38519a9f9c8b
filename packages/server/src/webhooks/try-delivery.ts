// One try of one delivery: signed, posted, judged, told in a record. Called by send-page.ts.
import type { SafeFetch } from '../net/safe-fetch.ts';
import type { Clock } from '../telemetry/clock.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { metrics } from '../telemetry/metrics.ts';
import { beginOutgoing } from '../telemetry/trace-calls.ts';
import { traces } from '../telemetry/traces.ts';
import type { DueDelivery, TryRecord } from './deliveries.sql.ts';
import { judgeTry, type TryOutcome, type WebhookTimes } from './schedule.pure.ts';
import { type SigningKeys, signedHeaders } from './sign.ts';

interface Deps {
  readonly clock: Clock;
  readonly safeFetch: SafeFetch;
  readonly times: WebhookTimes;
  readonly signal: AbortSignal;
}

const REPLY_MAX_BYTES = 65_536;

/** undefined: the service is stopping and nobody knows whether it arrived; it is not counted. */
export async function tryDelivery(
  deps: Deps,
  given: { delivery: DueDelivery; body: string; keys: SigningKeys },
): Promise<TryRecord | undefined> {
  const { clock, times, signal } = deps;
  const { delivery, body, keys } = given;
  const startedAt = clock.now();
  const began = performance.now();
  const call = tracePost(delivery);
  crashPoint('before-webhook-post');
  const reply = await deps.safeFetch.post(delivery.url, {
    headers: { ...signedHeaders(keys, { deliveryId: delivery.id, body, atMs: startedAt }), ...call.headers },
    body,
    maxBytes: REPLY_MAX_BYTES,
    timeoutMs: times.timeoutMs,
    signal,
  });
  crashPoint('after-webhook-post');
  call.end(reply.kind === 'ok' ? { status: reply.status } : { error: reply.reason });
  if (reply.kind === 'refused' && reply.reason === 'aborted') return undefined;
  const status = reply.kind === 'ok' ? reply.status : undefined;
  const tried = {
    now: clock.now(),
    from: delivery.schedule_from,
    tries: delivery.schedule_tries + 1,
    random: Math.random(),
  };
  const outcome = judgeTry(times, delivery, { ...tried, status });
  metrics.deliveryTried(outcome.kind === 'delivered' ? 'delivered' : 'failed', tried.now - tried.from);
  return {
    deliveryId: delivery.id,
    number: delivery.attempts + 1,
    startedAt,
    ms: Math.round(performance.now() - began),
    status,
    error: reply.kind === 'ok' ? describeStatus(reply.status) : describeRefusal(reply, times),
    reply: reply.kind === 'ok' && reply.text !== '' ? reply.text : undefined,
    scheduleTries: tried.tries,
    endedAt: tried.now,
    ...describeOutcome(outcome),
  };
}

function tracePost({ id, url, request_id }: DueDelivery) {
  return beginOutgoing(() => ({
    method: 'POST',
    url,
    isPathSecret: true,
    parent: traces.contextOfId(request_id),
    attributes: { 'comfleet.request_id': request_id, 'comfleet.delivery_id': id },
  }));
}

function describeOutcome(outcome: TryOutcome): Pick<TryRecord, 'outcome' | 'nextAt' | 'reason'> {
  switch (outcome.kind) {
    case 'delivered':
      return { outcome: 'delivered', nextAt: undefined, reason: undefined };
    case 'retry':
      return { outcome: 'pending', nextAt: outcome.at, reason: undefined };
    case 'failed':
    case 'disabled':
      return { outcome: outcome.kind, nextAt: undefined, reason: outcome.reason };
  }
}

function describeStatus(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return `It answered ${status}; redirects are not followed.`;
  return `It answered ${status}.`;
}

// One text for every way of not being reached: else it would tell an open port from a closed one.
function describeRefusal(refused: { reason: string; message: string }, times: WebhookTimes): string {
  if (refused.reason === 'too_slow') return `No answer within ${times.timeoutMs / 1000} s.`;
  if (refused.reason === 'not_allowed') return `Not sent: ${refused.message}.`;
  return 'It could not be reached, or ended the connection without an answer.';
}
