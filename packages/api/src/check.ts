// Judges a caller's value by one of our schemas and says everything that is wrong with it, in words. A walk of our own
// because a schema library's errors name keywords, stop after a few, and know nothing of exact integers.
import type { Static, TSchema } from 'typebox';
import { describeExpected, describeField, type SchemaNode } from './check-words.ts';
import { listNearest } from './nearest.ts';
import { echo, isJsonObject, numberOf, type Problem, quote } from './problems.ts';

export type Loc = readonly (string | number)[];

/** Every problem of the value, with `loc` in front of each path; an empty list when it fits. */
export function check(schema: TSchema, value: unknown, loc: Loc = ['body']): Problem[] {
  const problems: Problem[] = [];
  walk(schema, value, { loc, problems });
  return problems;
}

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
  const properties = node(schema).properties ?? {};
  const typed: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(isJsonObject(query) ? query : {})) {
    const property = properties[key];
    if (property !== undefined && given !== '') typed[key] = fromText(property, given);
  }
  return read(schema, typed, loc);
}

interface Walk {
  loc: Loc;
  problems: Problem[];
}

function node(schema: TSchema): SchemaNode {
  return schema as SchemaNode;
}

function walk(schema: TSchema, value: unknown, { loc, problems }: Walk): void {
  const rule = node(schema);
  const report = (type: string, says: string) => {
    const input = echo(value);
    problems.push({
      loc: [...loc],
      msg: `${describeField(loc)} ${says}`,
      type,
      ...(input === undefined ? {} : { input }),
    });
  };
  if (rule.anyOf !== undefined) return walkChoice(rule.anyOf, value, { loc, problems });
  if (rule.const !== undefined || rule.enum !== undefined) {
    const allowed = rule.enum ?? [rule.const];
    if (!allowed.includes(value)) report('value_not_in_list', notOneOf(allowed, value));
    return;
  }
  if (rule.type === undefined) return;
  if (!hasType(rule.type, value)) {
    return report('wrong_type', `must be ${describeExpected(rule)}, not ${value === null ? 'null' : quote(value)}.`);
  }
  if (rule.type === 'object' && isJsonObject(value)) walkObject(rule, value, { loc, problems });
  else if (rule.type === 'array' && Array.isArray(value)) walkList(rule, value, { loc, problems });
  else if (rule.type === 'string') checkString(rule, String(value), report);
  else checkNumber(rule, numberOf(value), report);
}

/** One of several schemas: when only one is of the value's kind, its problems say more than "none fits". */
function walkChoice(choices: TSchema[], value: unknown, { loc, problems }: Walk): void {
  const tries = choices.map((choice) => ({ choice, found: check(choice, value, loc) }));
  if (tries.some(({ found }) => found.length === 0)) return;
  const near = tries.filter(({ found }) => !found.some((p) => p.type === 'wrong_type' && p.loc.length === loc.length));
  const only = near.length === 1 ? near[0] : undefined;
  if (only !== undefined) {
    problems.push(...only.found);
    return;
  }
  const values = choices.map((choice) => node(choice).const);
  if (!values.includes(undefined)) {
    problems.push(problem(loc, 'value_not_in_list', { says: notOneOf(values, value), value }));
    return;
  }
  const expected = choices.map((choice) => describeExpected(node(choice))).join(' or ');
  problems.push(problem(loc, 'wrong_type', { says: `must be ${expected}, not ${quote(value)}.`, value }));
}

function walkObject(rule: SchemaNode, value: Record<string, unknown>, { loc, problems }: Walk): void {
  const properties = rule.properties ?? {};
  const required = rule.required ?? [];
  for (const [key, property] of Object.entries(properties)) {
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const at = [...loc, key];
    if (given !== undefined && (given !== null || required.includes(key))) walk(property, given, { loc: at, problems });
    else if (required.includes(key)) problems.push(missing(at, node(property), strangers(value, properties)));
  }
  const others = rule.additionalProperties ?? Object.values(rule.patternProperties ?? {})[0];
  if (typeof others !== 'object') return;
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(properties, key)) walk(others, value[key], { loc: [...loc, key], problems });
  }
}

/** A required key that is not there; a misspelt one beside it is the likeliest reason. */
function missing(loc: Loc, rule: SchemaNode, others: string[]): Problem {
  const [near] = listNearest(String(loc.at(-1)), others, 1);
  const instead = near === undefined ? '' : ` There is "${near}": is that it?`;
  return problem(loc, 'missing', {
    says: `is missing: it must be ${describeExpected(rule)}.${instead}`,
    value: undefined,
  });
}

function strangers(value: Record<string, unknown>, known: Record<string, TSchema>): string[] {
  return Object.keys(value).filter((key) => !Object.hasOwn(known, key));
}

function walkList(rule: SchemaNode, value: unknown[], { loc, problems }: Walk): void {
  const tooFew = rule.minItems !== undefined && value.length < rule.minItems;
  if (tooFew || (rule.maxItems !== undefined && value.length > rule.maxItems)) {
    const says = `must be ${describeExpected(rule)}; it has ${value.length}.`;
    problems.push(problem(loc, tooFew ? 'too_short' : 'too_long', { says, value }));
    return;
  }
  if (rule.items === undefined) return;
  for (const [index, item] of value.entries()) walk(rule.items, item, { loc: [...loc, index], problems });
}

type Report = (type: string, says: string) => void;

function checkString(rule: SchemaNode, value: string, report: Report): void {
  // JSON Schema counts characters, not UTF-16 units; the cheap length settles nearly every case.
  const isNearLimit =
    value.length > (rule.maxLength ?? Number.POSITIVE_INFINITY) || value.length < (rule.minLength ?? 0) * 2;
  const characters = isNearLimit ? [...value].length : value.length;
  if (rule.minLength !== undefined && characters < rule.minLength) {
    return report('too_short', `must be ${describeExpected(rule)}; it has ${characters}.`);
  }
  if (rule.maxLength !== undefined && characters > rule.maxLength) {
    return report('too_long', `must be ${describeExpected(rule)}; it has ${characters}.`);
  }
  if (rule.pattern !== undefined && !new RegExp(rule.pattern, 'u').test(value)) {
    report('bad_format', `${rule['x-pattern-says'] ?? `must match ${rule.pattern}`}; it is ${quote(value)}.`);
  } else if (rule.format === 'date-time' && Number.isNaN(Date.parse(value))) {
    report('bad_format', `must be an instant such as 2026-01-02T03:04:05+00:00; it is ${quote(value)}.`);
  }
}

function checkNumber(rule: SchemaNode, value: number | undefined, report: Report): void {
  if (value === undefined) return;
  const says = `must be ${describeExpected(rule)}; it is ${value}.`;
  const isTooSmall =
    value < (rule.minimum ?? value) || (rule.exclusiveMinimum !== undefined && value <= rule.exclusiveMinimum);
  if (isTooSmall) report('value_smaller_than_min', says);
  else if (value > (rule.maximum ?? value)) report('value_bigger_than_max', says);
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'object') return isJsonObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  const number = numberOf(value);
  if (type === 'number') return number !== undefined && Number.isFinite(number);
  if (type === 'integer') return number !== undefined && Number.isInteger(number);
  return typeof value === type;
}

function notOneOf(allowed: readonly unknown[], value: unknown): string {
  const words = allowed.map(String);
  const [near] = typeof value === 'string' ? listNearest(value, words, 1) : [];
  const list = allowed.map(quote).join(', ');
  return `must be ${allowed.length === 1 ? list : `one of ${list}`}; it is ${quote(value)}.${near === undefined ? '' : ` Did you mean "${near}"?`}`;
}

function problem(loc: Loc, type: string, { says, value }: { says: string; value: unknown }): Problem {
  const input = echo(value);
  return { loc: [...loc], msg: `${describeField(loc)} ${says}`, type, ...(input === undefined ? {} : { input }) };
}

function normalise(schema: TSchema, value: unknown): unknown {
  const rule = node(schema);
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
  const known: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(rule.properties)) {
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const isGiven = given !== undefined && (given !== null || (rule.required ?? []).includes(key));
    const settled = isGiven ? normalise(property, given) : structuredClone(node(property).default);
    if (settled !== undefined) known[key] = settled;
  }
  return known;
}

/** A query value in the type its schema asks for; left as it is when it does not read as one, for the check to say so. */
function fromText(schema: TSchema, given: unknown): unknown {
  const rule = node(schema);
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
