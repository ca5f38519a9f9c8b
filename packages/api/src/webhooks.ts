// Webhooks: what is sent to the caller's own server (api.md 2.8), the list of deliveries, and the signing secret.
import Type, { type Static } from 'typebox';
import { Id, Instant, PageQuery } from './fields.ts';
import { NodeOutput, RESULT_WORDS, ResultErrorSchema } from './requests.ts';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed', 'disabled'] as const;

const DeliveryFields = {
  id: Id,
  request_id: Id,
  deployment_id: Id,
  event: Type.Enum(['request.in_queue', 'request.in_progress', 'request.ended'], {
    description: 'The first two only where the submit asked for intermediate states.',
  }),
  url: Type.String({ description: 'Without its query, which may hold a token.' }),
  status: Type.Enum(DELIVERY_STATUSES, {
    description:
      '`pending`: a try is due or under way. `delivered`: acknowledged with 2xx. `failed`: given up after 24 hours. `disabled`: the receiver answered 410.',
  }),
  attempts: Type.Integer({ minimum: 0 }),
  created_at: Instant,
  next_at: Type.Optional(Type.Unsafe<string>({ ...Instant, description: 'When the next try is due.' })),
  delivered_at: Type.Optional(Instant),
  last_status: Type.Optional(Type.Integer({ description: 'HTTP status of the last try that was answered.' })),
  reason: Type.Optional(Type.String({ description: 'Why no further try is made.' })),
};
export const Delivery = Type.Object(DeliveryFields, { additionalProperties: false });
export type Delivery = Static<typeof Delivery>;

export const DeliveryInFull = Type.Object(
  {
    ...DeliveryFields,
    tries: Type.Array(
      Type.Object(
        {
          number: Type.Integer({ minimum: 1 }),
          started_at: Instant,
          ms: Type.Integer({ minimum: 0 }),
          status: Type.Optional(Type.Integer()),
          error: Type.Optional(Type.String()),
          reply: Type.Optional(Type.String({ description: 'The beginning of the reply, up to 1 kB.' })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export const PageOfDeliveries = Type.Object({
  data: Type.Array(Delivery),
  next_cursor: Type.Optional(Type.String()),
});

export const DeliveryListQuery = Type.Object({
  request_id: Type.Optional(Id),
  deployment_id: Type.Optional(Id),
  status: Type.Optional(Type.Enum(DELIVERY_STATUSES)),
  ...PageQuery,
});

export const WebhookSecret = Type.Object(
  { key: Type.String({ description: 'Verifies `webhook-signature` per Standard Webhooks.', examples: ['whsec_…'] }) },
  { additionalProperties: false },
);

/** The body of a webhook. */
export const WebhookBody = Type.Object(
  {
    request_id: Type.String(),
    deployment_id: Type.String(),
    status: Type.Enum(RESULT_WORDS, { description: 'The word of the result, in the version that the submit used.' }),
    created_at: Instant,
    finished_at: Type.Optional(Instant),
    metadata: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'The labels of the submit.' })),
    outputs: Type.Optional(Type.Record(Type.String(), NodeOutput, { description: "As in the result's `outputs`." })),
    error: Type.Optional(ResultErrorSchema),
    errors: Type.Optional(Type.Array(ResultErrorSchema, { description: 'All of them; `error` is the first.' })),
  },
  { additionalProperties: false },
);
export type WebhookBody = Static<typeof WebhookBody>;
