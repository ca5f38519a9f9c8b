// A schema of ours as it stands in the OpenAPI document: named ones as references, our own keywords left out.
import type { TSchema } from 'typebox';
import { COMPONENTS } from './openapi-components.ts';

type JsonObject = Record<string, unknown>;

/** Keywords whose values are schemas by name, and those whose values are data that must be copied as it is. */
const MAPS_OF_SCHEMAS = new Set(['properties', 'patternProperties']);
const PLAIN_DATA = new Set(['examples', 'default', 'enum', 'const', 'required']);

/** By the properties and not the schema itself, which Type.Optional copies. */
const NAMES = new Map([...COMPONENTS].map(([schema, name]) => [propertiesOf(schema), name]));

function propertiesOf(schema: TSchema & { properties?: object }): object {
  return schema.properties ?? schema;
}

interface Wish {
  /** The schema is being written out under its own name, so only what is inside it becomes references. */
  readonly isDefinition?: boolean;
  /** It is what a caller sends: there a key that may be left out may also be null (check.ts). */
  readonly isSent?: boolean;
}

export function toOpenApiSchema(schema: TSchema, { isDefinition = false, isSent = false }: Wish = {}): JsonObject {
  const name = isDefinition ? undefined : NAMES.get(propertiesOf(schema));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  const written: JsonObject = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'x-pattern-says') continue;
    const [as, content] = toKeyword(keyword, value, isSent);
    written[as] = content;
  }
  return isSent ? allowNull(written) : written;
}

function allowNull(written: JsonObject): JsonObject {
  const { properties, required } = written;
  if (typeof properties !== 'object' || properties === null) return written;
  const needed = new Set(Array.isArray(required) ? required : []);
  const allowed = Object.entries(properties).map(([key, inner]) => [key, needed.has(key) ? inner : orNull(inner)]);
  return { ...written, properties: Object.fromEntries(allowed) };
}

function orNull(written: JsonObject): JsonObject {
  const { type, anyOf } = written;
  const list = written['enum'];
  if (Array.isArray(list))
    return { ...written, ...(type === undefined ? {} : { type: [type, 'null'] }), enum: [...list, null] };
  if (Array.isArray(anyOf)) return { ...written, anyOf: [...anyOf, { type: 'null' }] };
  // Tools that make values by a format look for a type of one word beside it.
  if (typeof type === 'string' && written['format'] === undefined) return { ...written, type: [type, 'null'] };
  const isClosed = ['$ref', 'const', 'format'].some((keyword) => keyword in written);
  return isClosed ? { anyOf: [written, { type: 'null' }] } : written;
}

function toKeyword(keyword: string, value: unknown, isSent: boolean): [string, unknown] {
  if (PLAIN_DATA.has(keyword) || typeof value !== 'object' || value === null) return [keyword, value];
  if (keyword === 'patternProperties') {
    // How the schema library writes a map; readers know additionalProperties.
    const [content] = Object.values(value);
    return ['additionalProperties', toOpenApiSchema(content, { isSent })];
  }
  if (MAPS_OF_SCHEMAS.has(keyword)) {
    const written = Object.entries(value).map(([key, inner]) => [key, toOpenApiSchema(inner, { isSent })]);
    return [keyword, Object.fromEntries(written)];
  }
  if (Array.isArray(value)) return [keyword, value.map((inner) => toOpenApiSchema(inner, { isSent }))];
  return [keyword, toOpenApiSchema(value, { isSent })];
}
