// Fields that several bodies share, each with the words a person reads when it does not fit.
import Type from 'typebox';
import { NAME_CHARACTERS, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX } from './limits.ts';

// The escapes are those that every regular expression engine knows, because clients check by the OpenAPI document too.
const NO_CONTROL = { pattern: '^[^\\x00-\\x1f\\x7f-\\x9f]*$', 'x-pattern-says': 'must not contain control characters' };

/** For free text: PostgreSQL stores every character but this one. */
export const NO_NUL = { pattern: '^[^\\x00]*$', 'x-pattern-says': 'must not contain the character U+0000' };

/** A name a person gives: control characters would break every list and log it appears in. */
export const Name = Type.String({
  minLength: 1,
  maxLength: NAME_CHARACTERS,
  ...NO_CONTROL,
  description: 'A name for people: 1 to 200 characters, no control characters.',
});

export const Id = Type.String({ minLength: 1, ...NO_CONTROL, description: 'An id as another call returned it.' });

/** A short word the caller names something by: a version, a SKU. */
export const Word = Type.String({ minLength: 1, maxLength: NAME_CHARACTERS, ...NO_CONTROL });

export const Instant = Type.String({
  format: 'date-time',
  description: 'An instant such as `2026-01-02T03:04:05.123456+00:00`: six digits, a numeric offset, never `Z`.',
  examples: ['2026-01-02T03:04:05.123456+00:00'],
});

/** A JSON object whose content this package does not look into: a graph, an object_info. */
export const OpenObject = Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true });

export const PageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: PAGE_ITEMS_MAX, default: PAGE_ITEMS_DEFAULT, description: 'Items a page.' }),
  ),
  cursor: Type.Optional(Type.String({ minLength: 1, ...NO_CONTROL, description: '`next_cursor` of the page before.' })),
};
