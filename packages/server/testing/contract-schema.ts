// The OpenAPI document as a judge and as a source of calls: what a reply must look like to the letter, and values that fit a
// schema. Used by contract-fuzz.test.ts.
import {
  createOpenApi,
  type HttpMethod,
  type OpenApiDocument,
  openApiPath,
  type RouteId,
  routeOf,
} from '@comfleet/api';
import fc from 'fast-check';
import * as Schema from 'typebox/schema';

export type SchemaObject = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: SchemaObject;
}

export interface Operation {
  readonly parameters: readonly Parameter[];
  readonly body: SchemaObject | undefined;
  /** What is wrong with a reply; empty when the document allows it. */
  judge(reply: { status: number; contentType: string | null; text: string }): string[];
}

const document = createOpenApi({ version: '0.0.0' });

export function operationOf(id: RouteId, method: HttpMethod): Operation {
  const found = Object(document.paths[openApiPath(routeOf(id).path)])[method.toLowerCase()];
  const operation = resolve(document, found) as Record<string, unknown>;
  const responses = operation['responses'] as Record<string, { content?: Record<string, { schema?: SchemaObject }> }>;
  const body = Object(operation['requestBody'])['content']?.['application/json']?.schema;
  return {
    parameters: (operation['parameters'] ?? []) as Parameter[],
    body,
    judge({ status, contentType, text }) {
      const response = responses[status];
      if (response === undefined) return [`status ${status} is not documented`];
      const { content } = response;
      if (content === undefined) return text === '' ? [] : [`status ${status} has a body, which is not documented`];
      const type = (contentType ?? '').split(';')[0] ?? '';
      const media = content[type] ?? content['*/*'];
      if (media === undefined) return [`${type} is not documented for status ${status}`];
      if (type !== 'application/json' || media.schema === undefined) return [];
      return judgeBody(media.schema, JSON.parse(text));
    },
  };
}

const compiled = new WeakMap<SchemaObject, Schema.Validator>();

function judgeBody(schema: SchemaObject, value: unknown): string[] {
  const validator = compiled.get(schema) ?? Schema.Compile(close(schema));
  compiled.set(schema, validator);
  if (validator.Check(value)) return [];
  const [, errors] = validator.Errors(value);
  return errors.map(({ instancePath, message, keyword, params }) => {
    return `${instancePath} ${message} (${keyword} ${JSON.stringify(params)})`;
  });
}

/** With every reference in its place. */
function resolve(doc: OpenApiDocument, node: unknown): unknown {
  if (Array.isArray(node)) return node.map((inner) => resolve(doc, inner));
  if (typeof node !== 'object' || node === null) return node;
  if ('$ref' in node) {
    const [, , kind = '', name = ''] = String(node.$ref).split('/');
    return resolve(doc, doc.components[kind]?.[name]);
  }
  return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, resolve(doc, inner)]));
}

/** A reply holds what its schema names and nothing else, unless the schema says that there may be more. */
function close(node: unknown): SchemaObject {
  if (typeof node !== 'object' || node === null) return Object(node);
  const written = Object.entries(node).map(([key, inner]) => {
    if (key === 'properties') {
      return [key, Object.fromEntries(Object.entries(Object(inner)).map(([name, one]) => [name, close(one)]))];
    }
    if (key === 'anyOf') return [key, (inner as unknown[]).map(close)];
    return [
      key,
      key === 'items' || (key === 'additionalProperties' && inner !== true && inner !== false) ? close(inner) : inner,
    ];
  });
  const closed = Object.fromEntries(written);
  return 'properties' in closed ? { additionalProperties: false, ...closed } : closed;
}

const PATTERNS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  '^\\d{4}-\\d{2}-\\d{2}$': fc.constantFrom('2026-01-31', '2026-13-41', '0000-00-00'),
  '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$': fc.uuid(),
};

/** Values that fit the schema, mostly; what its words cannot say (a graph, an id that exists) is left to the service. */
export function makeFitting(schema: SchemaObject): fc.Arbitrary<unknown> {
  const { anyOf, const: only, enum: listed, type, default: usual } = schema;
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map(makeFitting));
  if (only !== undefined) return fc.constant(only);
  if (Array.isArray(listed)) return fc.constantFrom(...listed);
  if (Array.isArray(type))
    return fc.oneof(...type.map((one) => makeFitting({ ...schema, type: one, default: undefined })));
  const made = MADE[String(type)]?.(schema) ?? fc.jsonValue({ maxDepth: 2 });
  return usual === undefined ? made : fc.oneof(made, fc.constant(usual));
}

const MADE: Readonly<Record<string, (schema: SchemaObject) => fc.Arbitrary<unknown>>> = {
  null: () => fc.constant(null),
  boolean: () => fc.boolean(),
  integer: ({ minimum = -9, maximum = 1e6 }) =>
    fc.integer({ min: Number(minimum), max: Math.min(2 ** 31 - 1, Number(maximum)) }),
  number: ({ minimum = -1e9, maximum = 1e9 }) =>
    fc.integer({ min: Math.ceil(Number(minimum)), max: Math.floor(Number(maximum)) }),
  string: textOf,
  array: ({ items, minItems = 0, maxItems = 3 }) =>
    fc.array(makeFitting(Object(items)), { minLength: Number(minItems), maxLength: Math.min(3, Number(maxItems)) }),
  object: objectOf,
};

function textOf({ pattern, format, minLength = 0, maxLength = 12 }: SchemaObject): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.constantFrom('2026-01-02T03:04:05.123456+00:00', '2099-12-31T23:59:59Z');
  const lengths = { minLength: Number(minLength), maxLength: Math.min(12, Number(maxLength)) };
  return PATTERNS[String(pattern)] ?? fc.oneof(fc.string(lengths), fc.string({ ...lengths, unit: 'grapheme' }));
}

function objectOf({ properties, required, additionalProperties }: SchemaObject): fc.Arbitrary<unknown> {
  if (properties === undefined) {
    const inner =
      typeof additionalProperties === 'object'
        ? makeFitting(Object(additionalProperties))
        : fc.jsonValue({ maxDepth: 2 });
    return fc.dictionary(fc.string({ maxLength: 8 }), inner, { maxKeys: 3 });
  }
  const entries = Object.entries(Object(properties)).map(([key, one]) => [key, makeFitting(Object(one))] as const);
  const requiredKeys = Array.isArray(required) ? required.map(String) : [];
  return fc.record(Object.fromEntries(entries), { requiredKeys });
}

const NAUGHTY: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  2 ** 63,
  '',
  '\u0000',
  '\ud800',
  '../../etc/passwd',
  "'; drop table requests; --",
  '%00',
  'x'.repeat(5_000),
  '\u202e\u200b',
  [],
  [[[[]]]],
  {},
  { __proto__: 1 },
  { constructor: { prototype: {} } },
];
export const naughty = fc.oneof(fc.constantFrom(...NAUGHTY), fc.jsonValue({ maxDepth: 3 }));

/** The same with one thing in it replaced by what nobody should send. */
export function mutated(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return naughty;
  const replaced = fc
    .tuple(fc.constantFrom(...Object.keys(value)), naughty)
    .chain(([key, other]) =>
      fc.oneof(fc.constant(other), mutated(Reflect.get(value, key))).map((inner) => withKey(value, key, inner)),
    );
  const more = fc.tuple(fc.string({ maxLength: 8 }), naughty).map(([key, inner]) => withKey(value, key, inner));
  return fc.oneof(
    { arbitrary: replaced, weight: 5 },
    { arbitrary: more, weight: 1 },
    { arbitrary: naughty, weight: 1 },
  );
}

function withKey(value: object, key: string, inner: unknown): unknown {
  if (!Array.isArray(value)) return { ...value, [key]: inner };
  return value.map((one, index) => (String(index) === key ? inner : one));
}
