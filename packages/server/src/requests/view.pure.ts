// Stored rows and live requests → the words of v1 or v2. The only place below routes.ts that knows them.
import { formatInstant } from '@comfleet/api';
import type { DeliveryEvent } from '../webhooks/schedule.pure.ts';
import type { LiveRequest } from './live.ts';
import type { RequestRow, WebhookRow } from './requests.sql.ts';

export interface ViewContext {
  /** Scheme and host that the URLs begin with. */
  readonly base: string;
  /** `v1` or `v2`, as the caller used it. */
  readonly version: 'v1' | 'v2';
  readonly cancelledWord: 'canceled' | 'cancelled' | undefined;
}

export function cancelledWord(context: ViewContext): 'canceled' | 'cancelled' {
  return context.cancelledWord ?? (context.version === 'v1' ? 'canceled' : 'cancelled');
}

interface RequestAddress {
  readonly deploymentId: string;
  readonly requestId: string;
}

function requestUrl(context: ViewContext, address: RequestAddress): string {
  return `${context.base}/prod/${context.version}/deployments/${address.deploymentId}/requests/${address.requestId}`;
}

/** Exactly four keys: a fifth breaks a strict decoder (contract rule 1). */
export function viewSubmit(context: ViewContext, address: RequestAddress) {
  const url = requestUrl(context, address);
  return {
    request_id: address.requestId,
    status_url: `${url}/status`,
    result_url: `${url}/result`,
    cancel_url: `${url}/cancel`,
  };
}

export type StatusWord = 'in_queue' | 'in_progress' | 'completed' | 'canceled' | 'cancelled';

export function liveStatusWord(request: Pick<LiveRequest, 'phase'>): 'in_queue' | 'in_progress' {
  return request.phase === 'queued' || request.phase === 'leased' ? 'in_queue' : 'in_progress';
}

/** A failed run is `completed` in status and `failed` in result (contract rule 6). */
export function endedStatusWord(context: ViewContext, state: RequestRow['state']): StatusWord {
  if (state === 'cancelled') return cancelledWord(context);
  if (state === 'queued') return 'in_queue';
  return state === 'active' ? 'in_progress' : 'completed';
}

export interface StatusView {
  request_id: string;
  status: StatusWord;
  status_url: string;
  result_url: string;
  queue_position?: number;
  instance_id?: string;
}

export function viewLiveStatus(
  context: ViewContext,
  request: LiveRequest,
  queuePosition: number | undefined,
): StatusView {
  const url = requestUrl(context, { deploymentId: request.deploymentId, requestId: request.id });
  const status = liveStatusWord(request);
  const view: StatusView = { request_id: request.id, status, status_url: `${url}/status`, result_url: `${url}/result` };
  if (status === 'in_queue' && queuePosition !== undefined) view.queue_position = queuePosition;
  if (status === 'in_progress' && request.isOnInstance && request.instanceId) view.instance_id = request.instanceId;
  return view;
}

export function viewEndedStatus(context: ViewContext, row: RequestRow): StatusView {
  const url = requestUrl(context, { deploymentId: row.deployment_id, requestId: row.id });
  const status = endedStatusWord(context, row.state);
  const view: StatusView = { request_id: row.id, status, status_url: `${url}/status`, result_url: `${url}/result` };
  if (row.instance_id !== null && status !== 'in_queue') view.instance_id = row.instance_id;
  return view;
}

/** JSON text. Unfinished: its state and when it came (contract rules 5 and 8). */
export function viewLiveResult(request: LiveRequest): string {
  const instance = request.isOnInstance && request.instanceId ? { instance_id: request.instanceId } : {};
  const status = liveStatusWord(request);
  return JSON.stringify({ request_id: request.id, status, created_at: formatInstant(request.createdAt), ...instance });
}

/** JSON text: outputs and errors are stored as text and go out as they are, so nothing is parsed for a poll. */
export function viewEndedResult(context: ViewContext, row: RequestRow): string {
  const head = JSON.stringify({
    request_id: row.id,
    status: resultWord(context, row.state),
    created_at: formatInstant(row.created_at),
    ...(row.finished_at === null ? {} : { finished_at: formatInstant(row.finished_at) }),
    ...(row.instance_id === null ? {} : { instance_id: row.instance_id }),
  });
  const outputs = row.outputs === null ? '' : `,"outputs":${withBase(row.outputs, row.id, context.base)}`;
  const error = row.error === null ? '' : `,"error":${row.error}`;
  return `${head.slice(0, -1)}${outputs}${error}}`;
}

/** JSON text of a webhook's body: `error` is an object there, with the whole array beside it (contract rule 9). */
export function viewWebhook(context: ViewContext, row: WebhookRow, event: DeliveryEvent): string {
  const metadata = row.metadata === null ? '' : `,"metadata":${row.metadata}`;
  const head = { request_id: row.id, deployment_id: row.deployment_id };
  const created_at = formatInstant(row.created_at);
  // Whatever has become of it since.
  if (event !== 'ended') {
    const status = event === 'queued' ? 'in_queue' : 'in_progress';
    return `${JSON.stringify({ ...head, status, created_at }).slice(0, -1)}${metadata}}`;
  }
  const finished = row.finished_at === null ? {} : { finished_at: formatInstant(row.finished_at) };
  const said = JSON.stringify({ ...head, status: resultWord(context, row.state), created_at, ...finished });
  const outputs = row.outputs === null ? '' : `,"outputs":${withBase(row.outputs, row.id, context.base)}`;
  return `${said.slice(0, -1)}${metadata}${outputs}${viewErrors(row.error)}}`;
}

function viewErrors(error: string | null): string {
  if (error === null) return '';
  const [first]: unknown[] = JSON.parse(error);
  return `,"error":${JSON.stringify(first)},"errors":${error}`;
}

export function resultWord(context: ViewContext, state: RequestRow['state']): string {
  if (state === 'cancelled') return cancelledWord(context);
  if (state === 'queued') return 'in_queue';
  return state === 'active' ? 'in_progress' : state;
}

// Inside a JSON string a quote is always escaped, so this text can only be the key and value that collect.ts wrote.
function withBase(outputs: string, requestId: string, base: string): string {
  const path = `"url":"/deployment_requests/${requestId}/`;
  return outputs.replaceAll(path, () => `"url":${JSON.stringify(base).slice(0, -1)}/deployment_requests/${requestId}/`);
}

export type CancelView = { status: 202 | 200; body: Record<string, string> };

export function viewCancelRequested(context: ViewContext, requestId: string): CancelView {
  const body = { request_id: requestId, status: 'cancellation_requested' };
  return { status: 202, body: context.version === 'v1' ? body : { ...body, outcome: 'cancellation_requested' } };
}

export function viewNotCancellable(context: ViewContext, requestId: string, state: RequestRow['state']): CancelView {
  if (context.version === 'v1') return { status: 200, body: { request_id: requestId, status: 'not_cancellable' } };
  const status = endedStatusWord(context, state);
  return { status: 200, body: { request_id: requestId, status, outcome: 'not_cancellable' } };
}
