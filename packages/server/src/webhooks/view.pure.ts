// Stored deliveries → what their owner sees. A URL's query and user may hold a token, so it is shown without them.
import { formatInstant } from '@comfleet/api';
import type { DeliveryRow, TryRow } from './history.sql.ts';

const EVENTS = { queued: 'request.in_queue', started: 'request.in_progress', ended: 'request.ended' } as const;

export function shownUrl(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^(https?:\/\/)[^/]*@/i, '$1');
}

export function viewDelivery(row: DeliveryRow) {
  return {
    id: row.id,
    request_id: row.request_id,
    deployment_id: row.deployment_id,
    event: EVENTS[row.event],
    url: shownUrl(row.url),
    status: row.status,
    attempts: row.attempts,
    created_at: formatInstant(row.created_at),
    ...(row.next_at === null ? {} : { next_at: formatInstant(row.next_at) }),
    ...(row.delivered_at === null ? {} : { delivered_at: formatInstant(row.delivered_at) }),
    ...(row.last_status === null ? {} : { last_status: row.last_status }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

export function viewDeliveryInFull(row: DeliveryRow, tries: readonly TryRow[]) {
  return {
    ...viewDelivery(row),
    tries: tries.map((tried) => ({
      number: tried.number,
      started_at: formatInstant(tried.started_at),
      ms: tried.ms,
      ...(tried.status === null ? {} : { status: tried.status }),
      ...(tried.error === null ? {} : { error: tried.error }),
      ...(tried.reply === null ? {} : { reply: tried.reply }),
    })),
  };
}

/** In the detail of a request. */
export function viewDeliveryInBrief(row: DeliveryRow) {
  return {
    id: row.id,
    attempts: row.attempts,
    ...(row.last_status === null ? {} : { last_status: row.last_status }),
    ...(row.next_at === null ? {} : { next_at: formatInstant(row.next_at) }),
    ...(row.delivered_at === null ? {} : { delivered_at: formatInstant(row.delivered_at) }),
  };
}
