// Submitting, polling and cancelling a request: the bodies, queries and replies. Clients decode the replies strictly,
// so these are exact (api.md 1 and 2.1 to 2.4). The rules of the submit body are in submit-body.ts.
import Type, { type Static } from 'typebox';
import { Instant } from './fields.ts';

export const PRIORITIES = ['low', 'normal', 'high'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const STATUS_WORDS = ['in_queue', 'in_progress', 'completed', 'canceled', 'cancelled'] as const;
export type StatusWord = (typeof STATUS_WORDS)[number];

export const RESULT_WORDS = ['in_queue', 'in_progress', 'succeeded', 'failed', 'canceled', 'cancelled'] as const;
export type ResultWord = (typeof RESULT_WORDS)[number];

export const SubmitQuery = Type.Object({
  webhook: Type.Optional(Type.String({ description: 'The URL that gets the result. Wins over the body field.' })),
  webhook_intermediate_status: Type.Optional(
    Type.Boolean({ default: false, description: 'Whether the webhook is called for intermediate states too.' }),
  ),
});

const NodeOverride = Type.Object(
  {
    inputs: Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      additionalProperties: true,
      description: 'Input name → value.',
    }),
  },
  { description: 'What to change at one node.' },
);

export const SubmitBody = Type.Object(
  {
    overrides: Type.Optional(
      Type.Record(Type.String(), NodeOverride, {
        description: 'Node id → inputs to change. Node ids and input names must exist in the graph.',
        examples: [{ '6': { inputs: { text: 'a lighthouse at dusk' } } }],
      }),
    ),
    workflow_api_json: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        additionalProperties: true,
        description:
          "A graph in ComfyUI's API format that runs instead of the saved one; overrides are applied on top of it.",
      }),
    ),
    parameters: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        additionalProperties: true,
        description: "Values of the version's named parameters, applied after the overrides.",
      }),
    ),
    metadata: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Up to 16 labels that are kept, listed, filtered by and sent in webhooks.',
        examples: [{ customer: '4711' }],
      }),
    ),
    priority: Type.Optional(
      Type.Enum(PRIORITIES, { default: 'normal', description: "Rank within the account's own share." }),
    ),
    start_within_seconds: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Fails with 10007 when not started within this time.' }),
    ),
    run_within_seconds: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Fails with 10011 when not finished within this time after its start.',
      }),
    ),
    extra_data: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        additionalProperties: true,
        description: 'Given to ComfyUI with the run. Secret: never logged, listed or sent anywhere else.',
      }),
    ),
    webhook: Type.Optional(Type.String({ description: 'As in the query.' })),
    webhook_intermediate_status: Type.Optional(Type.Boolean({ description: 'As in the query.' })),
  },
  { description: '`{}` runs the saved graph as it is. Unknown keys beside known ones are ignored.' },
);
export type SubmitBody = Static<typeof SubmitBody>;

/** Exactly these four keys: a fifth one breaks a strict decoder. */
export const SubmitReply = Type.Object(
  { request_id: Type.String(), status_url: Type.String(), result_url: Type.String(), cancel_url: Type.String() },
  { additionalProperties: false },
);
export type SubmitReply = Static<typeof SubmitReply>;

export const RequestStatus = Type.Object({
  request_id: Type.String(),
  status: Type.Enum(STATUS_WORDS, { description: 'A failed run is `completed`. `canceled` on v1, `cancelled` on v2.' }),
  status_url: Type.String(),
  result_url: Type.String(),
  queue_position: Type.Optional(Type.Integer({ minimum: 1, description: '1 = next to run. Only while in_queue.' })),
  instance_id: Type.Optional(Type.String({ description: 'The instance that runs or ran it.' })),
});
export type RequestStatus = Static<typeof RequestStatus>;

export const ResultErrorSchema = Type.Object(
  {
    error: Type.String({ description: 'The name in the error catalogue.' }),
    errorCode: Type.Integer({ description: 'The code in the error catalogue.' }),
    details: Type.String(),
    debugInfo: Type.String(),
  },
  { additionalProperties: false },
);

export const OutputFile = Type.Object(
  {
    filename: Type.String(),
    subfolder: Type.Optional(Type.String()),
    type: Type.Optional(Type.String()),
    url: Type.Optional(Type.String({ description: 'Where the stored file is. Works with and without a token.' })),
  },
  { additionalProperties: true },
);

/** One node's own output as ComfyUI reported it; every value that names a file has a `url` added. */
export const NodeOutput = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  properties: {
    images: Type.Array(OutputFile),
    gifs: Type.Array(OutputFile),
    videos: Type.Array(OutputFile),
    audio: Type.Array(OutputFile),
    files: Type.Array(OutputFile),
    text: Type.Array(Type.String()),
  },
});

export const RequestResult = Type.Object({
  request_id: Type.String(),
  status: Type.Enum(RESULT_WORDS, { description: '`canceled` on v1, `cancelled` on v2.' }),
  created_at: Instant,
  finished_at: Type.Optional(Instant),
  instance_id: Type.Optional(Type.String()),
  outputs: Type.Optional(
    Type.Record(Type.String(), NodeOutput, { description: 'Node id → its output. Only when succeeded.' }),
  ),
  error: Type.Optional(
    Type.Array(ResultErrorSchema, { description: 'When failed; with succeeded only for code 200001.' }),
  ),
});
export type RequestResult = Static<typeof RequestResult>;

/** The answer to `Prefer: wait=N` when the request was terminal in time: the four keys and the result's together. */
export const SubmitAndResult = Type.Object({ ...SubmitReply.properties, ...RequestResult.properties });
export type SubmitAndResult = Static<typeof SubmitAndResult>;

export const CANCEL_OUTCOMES = ['cancellation_requested', 'not_cancellable'] as const;
export type CancelOutcome = (typeof CANCEL_OUTCOMES)[number];

export const CancelReplyV1 = Type.Object(
  { request_id: Type.String(), status: Type.Enum(CANCEL_OUTCOMES) },
  { additionalProperties: false },
);
export type CancelReplyV1 = Static<typeof CancelReplyV1>;

export const CancelReplyV2 = Type.Object(
  {
    request_id: Type.String(),
    status: Type.String({
      description: '`cancellation_requested`, or the terminal status word when it had ended before.',
    }),
    outcome: Type.Enum(CANCEL_OUTCOMES),
  },
  { additionalProperties: false },
);
export type CancelReplyV2 = Static<typeof CancelReplyV2>;
