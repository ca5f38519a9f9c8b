// The words check.ts uses: how a field is called in a message, and what a schema expects there.
import type { TSchema } from 'typebox';

/** The part of JSON Schema that our schemas use. */
export interface SchemaNode {
  type?: string;
  properties?: Record<string, TSchema>;
  patternProperties?: Record<string, TSchema>;
  required?: readonly string[];
  additionalProperties?: boolean | TSchema;
  items?: TSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  /** The pattern in words: "must not contain control characters". */
  'x-pattern-says'?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: TSchema[];
  default?: unknown;
}

/** `["body", "overrides", "6"]` as a reader calls it: `overrides.6`. */
export function describeField(loc: readonly (string | number)[]): string {
  const [place, ...path] = loc;
  if (path.length === 0) return `The ${place ?? 'value'}`;
  const name = path.join('.');
  const short = name.length > 120 ? `${name.slice(0, 120)}…` : name;
  return place === 'body' ? short : `${short} (in the ${place})`;
}

/** What a schema expects, to follow "must be": "a whole number from 0 to 30". */
export function describeExpected(rule: SchemaNode): string {
  if (rule.const !== undefined) return JSON.stringify(rule.const);
  if (rule.enum !== undefined) return `one of ${rule.enum.map((item) => JSON.stringify(item)).join(', ')}`;
  if (rule.anyOf !== undefined) return rule.anyOf.map((choice) => describeExpected(choice as SchemaNode)).join(' or ');
  if (rule.type === 'string') return describeString(rule);
  if (rule.type === 'integer') return `a whole number${range(rule)}`;
  if (rule.type === 'number') return `a number${range(rule)}`;
  if (rule.type === 'boolean') return 'true or false';
  if (rule.type === 'array') return describeList(rule);
  return rule.type === 'object' ? 'a JSON object' : 'a value';
}

function describeString({ minLength, maxLength, format }: SchemaNode): string {
  if (format === 'date-time') return 'an instant such as 2026-01-02T03:04:05+00:00';
  if (minLength !== undefined && maxLength !== undefined) return `a string of ${minLength} to ${maxLength} characters`;
  if (maxLength !== undefined) return `a string of at most ${maxLength} characters`;
  return minLength === undefined ? 'a string' : 'a string that is not empty';
}

function describeList({ minItems, maxItems, items }: SchemaNode): string {
  const item = items === undefined ? undefined : describeExpected(items);
  if (minItems === 1 && maxItems === 1) return `a list with one item${item === undefined ? '' : ` (${item})`}`;
  const each = item === undefined ? '' : `, each ${item}`;
  return minItems !== undefined && maxItems !== undefined
    ? `a list of ${minItems} to ${maxItems} items${each}`
    : `a list${each}`;
}

function range({ minimum, maximum, exclusiveMinimum }: SchemaNode): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, ${minimum} or more`;
  if (exclusiveMinimum !== undefined) return ` greater than ${exclusiveMinimum}`;
  return maximum === undefined ? '' : `, at most ${maximum}`;
}
