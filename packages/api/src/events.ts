// The timeline of GET /events: what was done and what happened (api.md 3).
import Type, { type Static } from 'typebox';
import { Id, Instant, NO_NUL, PageQuery } from './fields.ts';

export const Event = Type.Object({
  id: Id,
  kind: Type.String({
    description: '`<noun>.<verb>`, such as deployment.changed, instance.lost, token.revoked, request.failed.',
    examples: ['deployment.changed'],
  }),
  created_at: Instant,
  message: Type.String({ description: 'One sentence for a person.' }),
  subject_id: Type.Optional(
    Type.String({ description: 'What it is about; a version is `<workflow id>/v3`, the rest go by their id.' }),
  ),
  deployment_id: Type.Optional(Id),
  token_id: Type.Optional(
    Type.Unsafe<string>({ ...Id, description: 'The token that did it; absent when the service itself did.' }),
  ),
  changes: Type.Optional(
    Type.Unsafe<Record<string, { old?: unknown; new?: unknown }>>({
      type: 'object',
      additionalProperties: { type: 'object', properties: { old: {}, new: {} } },
      description: 'Field → its value before and after the edit; a side that had no value is absent.',
    }),
  ),
});
export type Event = Static<typeof Event>;

export const PageOfEvents = Type.Object({ data: Type.Array(Event), next_cursor: Type.Optional(Type.String()) });

const Bound = { format: 'date-time', examples: ['2026-01-02T03:04:05.123456+00:00'] };

export const EventListQuery = Type.Object({
  ...PageQuery,
  kind: Type.Optional(
    Type.String({
      minLength: 1,
      ...NO_NUL,
      description: 'Only kinds that begin so: `deployment`, `token.revoked`.',
      examples: ['deployment'],
    }),
  ),
  deployment_id: Type.Optional(
    Type.String({
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      'x-pattern-says': 'must be the id of a deployment, a UUID',
      description: 'Only what concerns this deployment.',
    }),
  ),
  created_after: Type.Optional(Type.String({ ...Bound, description: 'Only later ones.' })),
  created_before: Type.Optional(Type.String({ ...Bound, description: 'Only earlier ones.' })),
  all: Type.Optional(
    Type.Boolean({ default: false, description: "Every account's; for administrators with a token of scope admin." }),
  ),
});
