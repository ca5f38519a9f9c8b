// Looking back at requests: the list of a deployment's requests and everything that is known of one (api.md 3 and 3.1).
import Type, { type Static } from 'typebox';
import { Instant, NO_NUL, OpenObject, PageQuery } from './fields.ts';
import { ProgressEvent } from './request-events.ts';
import { RESULT_WORDS, ResultErrorSchema } from './requests.ts';

export const RequestListQuery = Type.Object({
  ...PageQuery,
  status: Type.Optional(
    Type.Enum(RESULT_WORDS, { description: 'Only these. `canceled` and `cancelled` mean the same here.' }),
  ),
  created_after: Type.Optional(
    Type.String({ ...NO_NUL, description: 'Only those that came after this instant (ISO 8601).' }),
  ),
  created_before: Type.Optional(
    Type.String({ ...NO_NUL, description: 'Only those that came before this instant (ISO 8601).' }),
  ),
  error_code: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'Only those that ended with this code.' }),
  ),
});
export type RequestListQuery = Static<typeof RequestListQuery>;

const Labels = Type.Record(Type.String(), Type.String(), { description: 'The labels it was submitted with.' });
const Status = Type.Enum(RESULT_WORDS, { description: 'The word of the result. `canceled` on v1, `cancelled` on v2.' });
const Milliseconds = Type.Number({ minimum: 0 });

export const RequestListItem = Type.Object({
  request_id: Type.String(),
  status: Status,
  created_at: Instant,
  finished_at: Type.Optional(Instant),
  metadata: Type.Optional(Labels),
  error_code: Type.Optional(Type.Integer({ description: 'The code it ended with, when it failed.' })),
  ms: Type.Number({ minimum: 0, description: 'From its submit to its end, or until now.' }),
});
export type RequestListItem = Static<typeof RequestListItem>;

export const PageOfRequests = Type.Object({
  data: Type.Array(RequestListItem),
  next_cursor: Type.Optional(
    Type.String({ description: 'There may be more, even when this page is short or empty: ask again with it.' }),
  ),
});

export const PHASES = ['queued', 'cold_start', 'media', 'run', 'upload'] as const;
export type Phase = (typeof PHASES)[number];

const TimelineEntry = Type.Object({
  phase: Type.Enum(PHASES, { description: '`upload`: its files are fetched from the instance and stored.' }),
  started_at: Instant,
  ms: Milliseconds,
});

const AttemptEntry = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  instance_id: Type.Optional(Type.String()),
  started_at: Instant,
  ended_at: Type.Optional(Instant),
  outcome: Type.Optional(Type.Enum(['succeeded', 'failed', 'cancelled', 'lost'])),
  cause: Type.Optional(Type.String({ description: 'Why it ended so.' })),
});

const NodeEntry = Type.Object({
  node_id: Type.String(),
  class_type: Type.String(),
  ms: Milliseconds,
  cached: Type.Boolean({ description: "Taken from the instance's cache." }),
});

const FileEntry = Type.Object({
  node_id: Type.Optional(Type.String({ description: 'The node that listed it; absent for a file no node listed.' })),
  filename: Type.String(),
  subfolder: Type.String(),
  type: Type.Enum(['output', 'temp']),
  url: Type.String(),
  size_bytes: Type.Integer({ minimum: 0 }),
  content_type: Type.String(),
  sha256: Type.String(),
});

export const DeliveryEntry = Type.Object({
  id: Type.String(),
  attempts: Type.Integer({ minimum: 0 }),
  last_status: Type.Optional(Type.Integer()),
  next_at: Type.Optional(Instant),
  delivered_at: Type.Optional(Instant),
});
export type DeliveryEntry = Static<typeof DeliveryEntry>;

export const Eta = Type.Object(
  {
    seconds: Type.Number({ minimum: 0 }),
    low: Type.Number({ minimum: 0 }),
    high: Type.Number({ minimum: 0 }),
  },
  { description: 'Seconds until its run is over, from now; nine times in ten it lies between `low` and `high`.' },
);
export type Eta = Static<typeof Eta>;

export const RequestDetail = Type.Object({
  request_id: Type.String(),
  deployment_id: Type.String(),
  status: Status,
  created_at: Instant,
  started_at: Type.Optional(Instant),
  finished_at: Type.Optional(Instant),
  queue_position: Type.Optional(Type.Integer({ minimum: 1, description: '1 = next to run. Only while in_queue.' })),
  eta: Type.Optional(Eta),
  progress: Type.Optional(ProgressEvent),
  timeline: Type.Array(TimelineEntry, { description: 'Its phases, one after the other, over all attempts.' }),
  attempts: Type.Array(AttemptEntry),
  nodes: Type.Array(NodeEntry, { description: "The last attempt's nodes, in the order they ran." }),
  graph: Type.Unsafe<Record<string, unknown>>({
    ...OpenObject,
    description:
      'What runs: the overrides applied, without the nodes that no output needs. A data URI is shown as its type, size and SHA-256.',
  }),
  overrides: Type.Unsafe<Record<string, unknown>>({ ...OpenObject, description: 'As they were submitted.' }),
  parameters: Type.Optional(OpenObject),
  metadata: Type.Optional(Labels),
  files: Type.Array(FileEntry),
  deliveries: Type.Array(DeliveryEntry),
  cost_microdollars: Type.Integer(),
  cached: Type.Optional(
    Type.Object(
      { request_id: Type.String() },
      { description: 'The earlier, identical run whose stored files this one was given.' },
    ),
  ),
  why: Type.Array(Type.String(), { description: 'Why it ran where and when it did.' }),
  error: Type.Optional(Type.Array(ResultErrorSchema)),
});
export type RequestDetail = Static<typeof RequestDetail>;
