// The routes of one request's life: submit, status, result, cancel.
import Type, { type TSchema } from 'typebox';
import { IDEMPOTENCY_HOURS, IDEMPOTENCY_KEY_CHARACTERS, WAIT_SECONDS_MAX } from '../limits.ts';
import { EVENTS_HEARTBEAT_SECONDS, REQUEST_EVENTS } from '../request-events.ts';
import {
  CancelReplyV1,
  CancelReplyV2,
  RequestResult,
  RequestStatus,
  SubmitAndResult,
  SubmitBody,
  SubmitQuery,
  SubmitReply,
} from '../requests.ts';
import type { Route } from '../route.ts';

const CancelReply = Type.Union([CancelReplyV1, CancelReplyV2], { description: 'v2 adds `outcome`.' });

const EVENTS_DESCRIPTION = [
  'Server-Sent Events. Each has an `id`, a name and one JSON object:',
  ...Object.entries<TSchema & { description?: string }>(REQUEST_EVENTS).map(
    ([name, schema]) => `- \`${name}\`: ${schema.description}`,
  ),
  `A comment is sent every ${EVENTS_HEARTBEAT_SECONDS} s. A new stream begins with the whole state: \`status\`, the latest \`progress\`, what was logged. ` +
    'After a break, send the last `id` as `Last-Event-ID` (every EventSource does): the state comes anew, logs and outputs that were seen do not. ' +
    'A request that has ended answers `status`, its outputs and `end` at once. A reader that had its `end` and asks again gets 204, which stops an EventSource. ' +
    'A reader that takes nothing for a minute is cut off. The `Accept` header is not looked at.',
].join('\n');

export const REQUEST_ROUTES = [
  {
    id: 'submitRequest',
    method: 'POST',
    path: '/deployments/:deployment_id/inference',
    base: 'versioned',
    access: 'token',
    scopes: ['run'],
    tag: 'requests',
    summary: 'Submit a run',
    description:
      "Accepts a run of the deployment's graph and answers at once. What can be judged from the body is judged now (422001); " +
      'remote media is fetched afterwards, so a bad URL becomes a failed result (10009).',
    query: SubmitQuery,
    headers: [
      {
        name: 'Idempotency-Key',
        description: `The same key and body within ${IDEMPOTENCY_HOURS} hours gets the first answer again; another body gets 409001.`,
        schema: Type.String({ minLength: 1, maxLength: IDEMPOTENCY_KEY_CHARACTERS }),
      },
      {
        name: 'Prefer',
        description: `\`wait=N\` (up to ${WAIT_SECONDS_MAX} s): when the run ends in time, the result's fields come with the four keys.`,
        schema: Type.String({ examples: ['wait=30'] }),
      },
      {
        name: 'comfleet-simulate',
        description:
          'Only on a server started with `--sandbox`: the request ends with this code of the error catalogue. Others do not look at it.',
        schema: Type.String({ examples: ['10011;after=5s'] }),
      },
    ],
    body: SubmitBody,
    replies: {
      200: {
        description: 'Accepted.',
        schema: Type.Union([SubmitReply, SubmitAndResult], {
          description: 'The four keys; with `Prefer: wait`, perhaps the result too.',
        }),
        headers: { 'Idempotent-Replayed': '`true` when this is the first answer again.' },
      },
    },
    errors: [403003, 404001, 409001, 10001, 10002, 10003, 10013],
  },
  {
    id: 'getRequestStatus',
    method: 'GET',
    path: '/deployments/:deployment_id/requests/:request_id/status',
    base: 'versioned',
    access: 'token',
    scopes: ['run', 'read'],
    tag: 'requests',
    summary: 'Where a run is',
    description:
      'Never fails because an instance has a passing fault. A failed run is `completed` here and `failed` in the result.',
    replies: { 200: { description: 'The last known state.', schema: RequestStatus } },
    errors: [403003, 404001, 10003, 10005],
  },
  {
    id: 'getRequestResult',
    method: 'GET',
    path: '/deployments/:deployment_id/requests/:request_id/result',
    base: 'versioned',
    access: 'token',
    scopes: ['run', 'read'],
    tag: 'requests',
    summary: "A run's result",
    description:
      'An unfinished run answers with its current status. Failures after acceptance are in `error`, behind a 200.',
    replies: { 200: { description: 'The result, or the current status.', schema: RequestResult } },
    errors: [403003, 404001, 10003, 10005],
  },
  {
    id: 'getRequestEvents',
    method: 'GET',
    path: '/deployments/:deployment_id/requests/:request_id/events',
    base: 'versioned',
    access: 'token',
    scopes: ['run', 'read'],
    tag: 'requests',
    summary: 'Follow a run',
    description: EVENTS_DESCRIPTION,
    headers: [
      {
        name: 'Last-Event-ID',
        description: 'The `id` of the last event that was seen; one that is none of ours is passed over.',
        schema: Type.String(),
      },
    ],
    replies: {
      200: { description: 'The stream.', contentType: 'text/event-stream', events: REQUEST_EVENTS },
      204: { description: 'By its Last-Event-ID the reader has had the `end` of this request.' },
    },
    errors: [403003, 404001, 10003, 10005],
  },
  {
    id: 'cancelRequest',
    method: 'POST',
    path: '/deployments/:deployment_id/requests/:request_id/cancel',
    base: 'versioned',
    access: 'token',
    scopes: ['run'],
    tag: 'requests',
    summary: 'Cancel a run',
    description: 'Idempotent. A queued run never starts; a running one is interrupted, unless it finishes first.',
    replies: {
      200: { description: 'It had already ended.', schema: CancelReply },
      202: { description: 'It will end as cancelled.', schema: CancelReply },
    },
    errors: [403003, 404001, 10003],
  },
] as const satisfies readonly Route[];
