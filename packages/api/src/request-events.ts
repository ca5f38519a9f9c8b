// The events of GET /deployments/{d}/requests/{r}/events: one schema each, by the name that stands behind `event:`.
// `status` speaks the words of the status route (a failed run is `completed`), `end` those of the result.
import Type, { type Static, type TSchema } from 'typebox';
import { RESULT_WORDS, ResultErrorSchema, STATUS_WORDS } from './requests.ts';

const NodeId = Type.String({ description: "The graph's node." });

export const StatusEvent = Type.Object(
  {
    status: Type.Enum(STATUS_WORDS, { description: 'As GET …/status tells it: a failed run is `completed`.' }),
    queue_position: Type.Optional(Type.Integer({ minimum: 1, description: '1 = next to run. Only while in_queue.' })),
    instance_id: Type.Optional(Type.String({ description: 'The instance that runs or ran it.' })),
  },
  { description: 'Where the request is. First of all events, again when it changes; positions at most once a second.' },
);
export type StatusEvent = Static<typeof StatusEvent>;

export const ProgressEvent = Type.Object(
  {
    value: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Never falls, but for a new attempt, which starts at 0.',
    }),
    nodes_done: Type.Integer({ minimum: 0, description: 'Nodes that ran or were taken from the cache.' }),
    nodes_total: Type.Integer({ minimum: 0, description: 'Nodes that the outputs need.' }),
    current_node: Type.Optional(NodeId),
    current_node_class: Type.Optional(Type.String({ description: 'Its class, such as `KSampler`.' })),
    step: Type.Optional(Type.Number({ description: 'Steps done of the current node, where it has some.' })),
    steps: Type.Optional(Type.Number()),
    message: Type.String({ description: 'The same for a person.' }),
  },
  {
    description: 'How far the run is, whole each time. The latest counts: a slow reader is not sent those in between.',
  },
);
export type ProgressEvent = Static<typeof ProgressEvent>;

export const PreviewEvent = Type.Object(
  {
    node_id: NodeId,
    content_type: Type.Enum(['image/jpeg', 'image/png']),
    data_base64: Type.String({ description: 'The picture.' }),
  },
  { description: 'What a node shows while it runs, where the instance sends previews. The latest counts.' },
);
export type PreviewEvent = Static<typeof PreviewEvent>;

export const OutputEvent = Type.Object(
  {
    node_id: Type.Optional(Type.String({ description: 'The node that listed it; left out for a file that none did.' })),
    filename: Type.String(),
    subfolder: Type.String(),
    type: Type.Enum(['output', 'temp']),
    url: Type.String({ description: 'Readable from now on, with and without a token.' }),
    content_type: Type.String(),
    size_bytes: Type.Integer({ minimum: 0 }),
  },
  { description: 'One stored file of a run that succeeded.' },
);
export type OutputEvent = Static<typeof OutputEvent>;

export const LogEvent = Type.Object(
  { level: Type.Enum(['info', 'warning', 'error']), message: Type.String() },
  {
    description:
      'What happens on the way: media fetched, nodes from the cache, why it waits, an attempt that was lost.',
  },
);
export type LogEvent = Static<typeof LogEvent>;

export const EndEvent = Type.Object(
  {
    status: Type.Enum(RESULT_WORDS, { description: 'As GET …/result tells it: `succeeded`, `failed`, or cancelled.' }),
    error: Type.Optional(
      Type.Array(ResultErrorSchema, { description: 'When failed; with succeeded only for code 200001.' }),
    ),
  },
  { description: 'The last event; the stream ends behind it.' },
);
export type EndEvent = Static<typeof EndEvent>;

export const REQUEST_EVENTS = {
  status: StatusEvent,
  progress: ProgressEvent,
  preview: PreviewEvent,
  output: OutputEvent,
  log: LogEvent,
  end: EndEvent,
} as const satisfies Readonly<Record<string, TSchema>>;
export type RequestEventName = keyof typeof REQUEST_EVENTS;

/** How often a comment is sent, so that nobody in between takes a quiet stream for a dead one. */
export const EVENTS_HEARTBEAT_SECONDS = 15;
