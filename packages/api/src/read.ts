// A caller's body or query, checked and made plain: the values a use case works with. Called by every route.
import type { Static, TSchema } from 'typebox';
import { check, type Loc } from './check.ts';
import type { SchemaNode } from './check-words.ts';
import { isJsonObject, numberOf, type Problem } from './problems.ts';

export type Read<T> = { kind: 'ok'; value: T } | { kind: 'refused'; problems: Problem[] };

/**
 * The checked value as plain data: known keys only, defaults filled in, null for an optional key taken as left out,
 * numbers as JavaScript numbers. What a schema leaves open (a graph) is passed on as it came, exact numbers and all.
 */
export function read<S extends TSchema>(schema: S, value: unknown, loc: Loc = ['body']): Read<Static<S>> {
  const problems = check(schema, value, loc);
  if (problems.length > 0) return { kind: 'refused', problems };
  // The check has just proved that the normalised value has this type.
  return { kind: 'ok', value: normalise(schema, value) as Static<S> };
}

/** The same for a query string, whose values arrive as strings, or lists of strings when a key is repeated. */
export function readQuery<S extends TSchema>(schema: S, query: unknown, loc: Loc = ['query']): Read<Static<S>> {
  const properties = schemaProperties(schema) ?? {};
  const typed: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(isJsonObject(query) ? query : {})) {
    const property = properties[key];
    if (property !== undefined && given !== '') typed[key] = fromText(property, given);
  }
  return read(schema, typed, loc);
}

function schemaProperties(schema: SchemaNode): Record<string, TSchema> {
  return schema.properties ?? {};
}

function normalise(schema: TSchema, value: unknown): unknown {
  const rule: SchemaNode = schema;
  if (rule.anyOf !== undefined) {
    const fitting = rule.anyOf.find((choice) => check(choice, value).length === 0);
    return fitting === undefined ? value : normalise(fitting, value);
  }
  if (rule.type === 'integer' || rule.type === 'number') return numberOf(value) ?? value;
  if (rule.type === 'array' && rule.items !== undefined && Array.isArray(value)) {
    const { items } = rule;
    return value.map((item) => normalise(items, item));
  }
  if (rule.type !== 'object' || rule.properties === undefined || !isJsonObject(value)) return value;
  return normaliseObject(rule, value);
}

function normaliseObject(rule: SchemaNode, value: Record<string, unknown>): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(rule.properties ?? {})) {
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const isGiven = given !== undefined && (given !== null || rule.required?.includes(key) === true);
    const settled = isGiven ? normalise(property, given) : defaultOf(property);
    if (settled !== undefined) known[key] = settled;
  }
  return known;
}

function defaultOf(rule: SchemaNode): unknown {
  return structuredClone(rule.default);
}

/** A query value in the type its schema asks for; left as it is when it does not read as one, for the check to say so. */
function fromText(schema: TSchema, given: unknown): unknown {
  const rule: SchemaNode = schema;
  if (rule.type === 'array' && rule.items !== undefined) {
    const { items } = rule;
    return (Array.isArray(given) ? given : [given]).map((item) => fromText(items, item));
  }
  if (typeof given !== 'string') return given;
  if (rule.type === 'boolean') return readFlag(given) ?? given;
  const isNumber = (rule.type === 'integer' || rule.type === 'number') && /^-?\d+(\.\d+)?$/.test(given);
  return isNumber ? Number(given) : given;
}

/** true/false as clients write them in a query: Python's str(True) is "True". */
export function readFlag(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (word === 'true' || word === '1') return true;
  return word === 'false' || word === '0' ? false : undefined;
}
