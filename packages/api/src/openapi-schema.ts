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

/** `isDefinition`: the schema is being written out under its own name, so only what is inside it becomes references. */
export function toOpenApiSchema(schema: TSchema, { isDefinition = false } = {}): JsonObject {
  const name = isDefinition ? undefined : NAMES.get(propertiesOf(schema));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  const written: JsonObject = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'x-pattern-says') continue;
    const [as, content] = toKeyword(keyword, value);
    written[as] = content;
  }
  return written;
}

function toKeyword(keyword: string, value: unknown): [string, unknown] {
  if (PLAIN_DATA.has(keyword) || typeof value !== 'object' || value === null) return [keyword, value];
  if (keyword === 'patternProperties') {
    // How the schema library writes a map; readers know additionalProperties.
    const [content] = Object.values(value);
    return ['additionalProperties', toOpenApiSchema(content)];
  }
  if (MAPS_OF_SCHEMAS.has(keyword)) {
    return [keyword, Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toOpenApiSchema(inner)]))];
  }
  if (Array.isArray(value)) return [keyword, value.map((inner) => toOpenApiSchema(inner))];
  return [keyword, toOpenApiSchema(value)];
}
