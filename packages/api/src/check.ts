// Judges a caller's value by one of our schemas and says everything that is wrong with it, in words. A walk of our own
// because a schema library's errors name keywords, stop after a few, and know nothing of exact integers.
import type { TSchema } from 'typebox';
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

interface Walk {
  loc: Loc;
  problems: Problem[];
}

function walk(schema: TSchema, value: unknown, { loc, problems }: Walk): void {
  const rule: SchemaNode = schema;
  if (rule.anyOf !== undefined) walkChoice(rule.anyOf, value, { loc, problems });
  else if (rule.const !== undefined || rule.enum !== undefined) checkListed(rule, value, { loc, problems });
  else if (rule.type === undefined) return;
  else if (!hasType(rule.type, value)) problems.push(wrongType(loc, describeExpected(rule), value));
  else if (rule.type === 'object' && isJsonObject(value)) walkObject(rule, value, { loc, problems });
  else if (rule.type === 'array' && Array.isArray(value)) walkList(rule, value, { loc, problems });
  else if (typeof value === 'string') checkString(rule, value, { loc, problems });
  else checkNumber(rule, value, { loc, problems });
}

function checkListed(rule: SchemaNode, value: unknown, { loc, problems }: Walk): void {
  const allowed = rule.enum ?? [rule.const];
  if (!allowed.includes(value))
    problems.push(problem(loc, 'value_not_in_list', { says: notOneOf(allowed, value), value }));
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
  problems.push(wrongType(loc, choices.map((choice) => describeExpected(choice)).join(' or '), value));
}

function walkObject(rule: SchemaNode, value: Record<string, unknown>, walking: Walk): void {
  const properties = rule.properties ?? {};
  for (const key of Object.keys(properties)) walkProperty(key, rule, { value, walking });
  const others = rule.additionalProperties ?? Object.values(rule.patternProperties ?? {})[0];
  if (typeof others !== 'object') return;
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(properties, key)) walk(others, value[key], { ...walking, loc: [...walking.loc, key] });
  }
}

/** A property that may be left out may also be null: many clients write null for what they do not set. */
function walkProperty(key: string, rule: SchemaNode, at: { value: Record<string, unknown>; walking: Walk }): void {
  const { value, walking } = at;
  const property = rule.properties?.[key] ?? {};
  const given = Object.hasOwn(value, key) ? value[key] : undefined;
  const isRequired = rule.required?.includes(key) === true;
  const loc = [...walking.loc, key];
  if (given !== undefined && (given !== null || isRequired)) walk(property, given, { ...walking, loc });
  else if (isRequired) walking.problems.push(missing(loc, property, strangers(value, rule.properties ?? {})));
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

function checkString(rule: SchemaNode, value: string, { loc, problems }: Walk): void {
  const [type, says] = judgeLength(rule, value) ?? judgeForm(rule, value) ?? [];
  if (type !== undefined && says !== undefined) problems.push(problem(loc, type, { says, value }));
}

type Verdict = readonly [type: string, says: string] | undefined;

function judgeLength(rule: SchemaNode, value: string): Verdict {
  if (rule.minLength === undefined && rule.maxLength === undefined) return undefined;
  const characters = countCharacters(value, rule.maxLength);
  const says = `must be ${describeExpected(rule)}; it has ${characters}.`;
  if (characters < (rule.minLength ?? 0)) return ['too_short', says];
  return characters > (rule.maxLength ?? characters) ? ['too_long', says] : undefined;
}

/** Date.parse alone takes "0.5" for a day. */
const INSTANT = /^([+-]\d{2})?\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?)?$/i;

function judgeForm(rule: SchemaNode, value: string): Verdict {
  // Half a surrogate pair cannot be written as UTF-8, so it could never be given back as it came.
  if (/\p{Cs}/u.test(value)) return ['bad_format', `must be valid Unicode; it is ${quote(value)}.`];
  if (rule.pattern !== undefined && !new RegExp(rule.pattern, 'u').test(value)) {
    return ['bad_format', `${rule['x-pattern-says'] ?? `must match ${rule.pattern}`}; it is ${quote(value)}.`];
  }
  const isNoInstant = rule.format === 'date-time' && !(INSTANT.test(value) && Number.isFinite(Date.parse(value)));
  return isNoInstant ? ['bad_format', `must be ${describeExpected(rule)}; it is ${quote(value)}.`] : undefined;
}

/** JSON Schema counts characters, not UTF-16 units. A text far over any limit is not taken apart for that. */
function countCharacters(value: string, limit = 0): number {
  return value.length > Math.max(2 * limit, 10_000) ? value.length : [...value].length;
}

function checkNumber(rule: SchemaNode, value: unknown, { loc, problems }: Walk): void {
  const number = numberOf(value);
  if (number === undefined) return;
  const says = `must be ${describeExpected(rule)}; it is ${quote(value)}.`;
  const isAtExclusive = rule.exclusiveMinimum !== undefined && number <= rule.exclusiveMinimum;
  if (number < (rule.minimum ?? number) || isAtExclusive) {
    problems.push(problem(loc, 'value_smaller_than_min', { says, value }));
  } else if (number > (rule.maximum ?? number)) problems.push(problem(loc, 'value_bigger_than_max', { says, value }));
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

function wrongType(loc: Loc, expected: string, value: unknown): Problem {
  return problem(loc, 'wrong_type', { says: `must be ${expected}, not ${quote(value)}.`, value });
}

function problem(loc: Loc, type: string, { says, value }: { says: string; value: unknown }): Problem {
  const input = echo(value);
  return { loc: [...loc], msg: `${describeField(loc)} ${says}`, type, ...(input === undefined ? {} : { input }) };
}
