// The rules of the submit body that need no graph (api.md 2.1): shape, labels, priority, deadlines, webhook URL, and the
// answer to a body with none of the known keys. Hand-written because every submit passes here.

import { METADATA_KEY_CHARACTERS, METADATA_LABELS, METADATA_VALUE_BYTES, WEBHOOK_URL_CHARACTERS } from './limits.ts';
import { listNearest } from './nearest.ts';
import { echo, isJsonObject, numberOf, type Problem, quote } from './problems.ts';
import { readFlag } from './read.ts';
import { PRIORITIES } from './requests.ts';

export const SUBMIT_KEYS = [
  'overrides',
  'workflow_api_json',
  'parameters',
  'metadata',
  'priority',
  'start_within_seconds',
  'run_within_seconds',
  'extra_data',
  'webhook',
  'webhook_intermediate_status',
] as const;

/** What callers send who come from another API or from ComfyUI itself, and what it is called here. */
const RIGHT_KEY = new Map<string, (typeof SUBMIT_KEYS)[number]>([
  ...['workflow', 'workflow_json', 'workflow_api', 'prompt', 'graph', 'api_json', 'workflowapijson'].map(
    (key) => [key, 'workflow_api_json'] as const,
  ),
  ...['input', 'inputs', 'override', 'node_overrides', 'nodes'].map((key) => [key, 'overrides'] as const),
  ...['params', 'parameter', 'args', 'arguments'].map((key) => [key, 'parameters'] as const),
  ...['labels', 'tags', 'meta'].map((key) => [key, 'metadata'] as const),
  ...['webhook_url', 'callback', 'callback_url'].map((key) => [key, 'webhook'] as const),
  ...['extra', 'extradata'].map((key) => [key, 'extra_data'] as const),
]);

/** Every problem of a submit body that can be seen without the graph; null counts as left out. */
export function checkSubmitBody(body: unknown): Problem[] {
  if (!isJsonObject(body)) {
    return [
      problem(['body'], 'wrong_type', {
        msg: `The body must be a JSON object such as {"overrides": {…}}, not ${quote(body)}.`,
        input: body,
      }),
    ];
  }
  const problems = checkKeys(body);
  problems.push(...checkOverrides(body['overrides']));
  for (const key of ['workflow_api_json', 'parameters', 'extra_data']) problems.push(...checkIsObject(key, body[key]));
  problems.push(...checkMetadata(body['metadata']), ...checkPriority(body['priority']));
  for (const key of ['start_within_seconds', 'run_within_seconds']) problems.push(...checkSeconds(key, body[key]));
  problems.push(...checkWebhook(['body', 'webhook'], body['webhook']));
  problems.push(...checkFlag(['body', 'webhook_intermediate_status'], body['webhook_intermediate_status']));
  return problems;
}

/** Every problem of a submit's query. */
export function checkSubmitQuery(query: Record<string, unknown>): Problem[] {
  return [
    ...checkWebhook(['query', 'webhook'], query['webhook']),
    ...checkFlag(['query', 'webhook_intermediate_status'], query['webhook_intermediate_status']),
  ];
}

export interface WebhookWish {
  url?: string;
  isIntermediate: boolean;
}

/** The webhook of a checked submit: the query wins over the body, field by field. */
export function webhookOf(query: Record<string, unknown>, body: Record<string, unknown>): WebhookWish {
  const url = textOf(query['webhook']) ?? textOf(body['webhook']);
  const isIntermediate =
    flagOf(query['webhook_intermediate_status']) ?? flagOf(body['webhook_intermediate_status']) ?? false;
  return url === undefined ? { isIntermediate } : { url, isIntermediate };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'string' ? readFlag(value) : typeof value === 'boolean' ? value : undefined;
}

function checkKeys(body: Record<string, unknown>): Problem[] {
  const keys = Object.keys(body);
  if (keys.length === 0 || SUBMIT_KEYS.some((key) => Object.hasOwn(body, key))) return [];
  return keys.slice(0, 16).map((key) => {
    const right = RIGHT_KEY.get(key.toLowerCase()) ?? listNearest(key, SUBMIT_KEYS, 1)[0] ?? nameByContent(body[key]);
    const tip = right === undefined ? `use one of ${SUBMIT_KEYS.join(', ')}` : `the right key is "${right}"`;
    const msg = `The body has no key this call knows: ${quote(key)} is not one, ${tip}. (Send {} to run the saved graph as it is.)`;
    return problem(['body', key], 'unknown_key', { msg, input: body[key] });
  });
}

/** A bare graph or bare overrides sent as the whole body: its keys are node ids. */
function nameByContent(value: unknown): 'workflow_api_json' | 'overrides' | undefined {
  if (!isJsonObject(value)) return undefined;
  if ('class_type' in value) return 'workflow_api_json';
  return 'inputs' in value ? 'overrides' : undefined;
}

function checkOverrides(overrides: unknown): Problem[] {
  const wrong = checkIsObject('overrides', overrides);
  if (wrong.length > 0 || !isJsonObject(overrides)) return wrong;
  const problems: Problem[] = [];
  for (const nodeId in overrides) {
    const entry = overrides[nodeId];
    const example = `{"${nodeId}": {"inputs": {"name": value}}}`;
    if (!isJsonObject(entry)) {
      const msg = `overrides.${nodeId} must be an object with "inputs", as in ${example}, not ${quote(entry)}.`;
      problems.push(problem(['body', 'overrides', nodeId], 'wrong_type', { msg, input: entry }));
    } else if (!Object.hasOwn(entry, 'inputs')) {
      const msg = `overrides.${nodeId} has no "inputs": write ${example}.`;
      problems.push(problem(['body', 'overrides', nodeId, 'inputs'], 'missing', { msg, input: entry }));
    } else if (!isJsonObject(entry['inputs'])) {
      const msg = `overrides.${nodeId}.inputs must be an object of input names and values, not ${quote(entry['inputs'])}.`;
      problems.push(problem(['body', 'overrides', nodeId, 'inputs'], 'wrong_type', { msg, input: entry['inputs'] }));
    }
  }
  return problems;
}

function checkIsObject(key: string, value: unknown): Problem[] {
  if (value === undefined || value === null || isJsonObject(value)) return [];
  // extra_data is secret: even a misplaced one is not repeated.
  const given = key === 'extra_data' ? `a ${Array.isArray(value) ? 'list' : typeof value}` : quote(value);
  const isText = typeof value === 'string' && /^\s*\{/.test(value);
  const msg = `${key} must be a JSON object, not ${isText ? 'a string that holds JSON: send the object itself' : given}.`;
  return [problem(['body', key], 'wrong_type', { msg, input: key === 'extra_data' ? undefined : value })];
}

const METADATA_KEY = new RegExp(`^[A-Za-z0-9_.-]{1,${METADATA_KEY_CHARACTERS}}$`);
// Direction marks could make a label read as another in a list or a log.
const CONTROL_OR_BIDI = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

function checkMetadata(metadata: unknown): Problem[] {
  const wrong = checkIsObject('metadata', metadata);
  if (wrong.length > 0 || !isJsonObject(metadata)) return wrong;
  const labels = Object.entries(metadata);
  const problems: Problem[] = [];
  if (labels.length > METADATA_LABELS) {
    const msg = `metadata has ${labels.length} labels; at most ${METADATA_LABELS} are kept. Leave some out.`;
    problems.push({ loc: ['body', 'metadata'], msg, type: 'too_long' });
  }
  for (const [label, value] of labels.slice(0, 100)) {
    const type = judgeLabel(label, value);
    if (type !== undefined)
      problems.push(problem(['body', 'metadata', label], type.type, { msg: type.msg, input: value }));
  }
  return problems;
}

function judgeLabel(label: string, value: unknown): { type: string; msg: string } | undefined {
  if (!METADATA_KEY.test(label)) {
    const rule = `1 to ${METADATA_KEY_CHARACTERS} of A-Z a-z 0-9 _ . -`;
    return { type: 'bad_format', msg: `metadata has the label name ${quote(label)}; a name must be ${rule}.` };
  }
  const name = `metadata.${label}`;
  if (typeof value !== 'string') return { type: 'wrong_type', msg: `${name} must be a string, not ${quote(value)}.` };
  const bytes = value.length > METADATA_VALUE_BYTES ? value.length : new TextEncoder().encode(value).length;
  if (bytes > METADATA_VALUE_BYTES) {
    return {
      type: 'too_long',
      msg: `${name} must be at most ${METADATA_VALUE_BYTES} bytes as UTF-8; it is ${bytes === value.length ? 'longer' : bytes}.`,
    };
  }
  if (!CONTROL_OR_BIDI.test(value)) return undefined;
  return { type: 'bad_format', msg: `${name} must not contain control or text-direction characters.` };
}

function checkPriority(priority: unknown): Problem[] {
  if (priority === undefined || priority === null || PRIORITIES.some((word) => word === priority)) return [];
  const msg = `priority must be one of "low", "normal", "high"; it is ${quote(priority)}.`;
  return [problem(['body', 'priority'], 'value_not_in_list', { msg, input: priority })];
}

function checkSeconds(key: string, value: unknown): Problem[] {
  if (value === undefined || value === null) return [];
  const seconds = numberOf(value);
  if (seconds !== undefined && Number.isFinite(seconds) && seconds > 0) return [];
  const type = seconds === undefined ? 'wrong_type' : 'value_smaller_than_min';
  return [
    problem(['body', key], type, {
      msg: `${key} must be a number of seconds greater than 0; it is ${quote(value)}.`,
      input: value,
    }),
  ];
}

function checkWebhook(loc: string[], value: unknown): Problem[] {
  if (value === undefined || value === null || value === '') return [];
  const says = judgeWebhook(value);
  return says === undefined ? [] : [problem(loc, 'bad_format', { msg: `webhook ${says}.`, input: withoutKeys(value) })];
}

function judgeWebhook(value: unknown): string | undefined {
  if (typeof value !== 'string') return `must be one URL as a string, not ${quote(value)}`;
  if (value.length > WEBHOOK_URL_CHARACTERS)
    return `must be at most ${WEBHOOK_URL_CHARACTERS} characters; it has ${value.length}`;
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value))
    return `must be an absolute https:// URL; it is ${quote(withoutKeys(value))}`;
  const { username, password } = new URL(value);
  return username === '' && password === '' ? undefined : 'must not contain a user name or password';
}

/** Its query, and a user name and password, may be keys: an error does not repeat them. */
function withoutKeys(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value.replace(/[?#].*$/s, '?…').replace(/\/\/[^/]*@/, '//…@');
}

function checkFlag(loc: string[], value: unknown): Problem[] {
  if (value === undefined || value === null || value === '' || flagOf(value) !== undefined) return [];
  return [
    problem(loc, 'wrong_type', {
      msg: `webhook_intermediate_status must be true or false; it is ${quote(value)}.`,
      input: value,
    }),
  ];
}

function problem(loc: (string | number)[], type: string, { msg, input }: { msg: string; input: unknown }): Problem {
  return input === undefined ? { loc, msg, type } : { loc, msg, type, input: echo(input) };
}
