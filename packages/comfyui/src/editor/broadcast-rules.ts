// What a "Use Everywhere" node is set to: its restrictions, its priority, and which inputs of other nodes take what it
// sends. Files of several generations of the extension say it differently. Called by use-everywhere.ts.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { EditorNode, Slot } from './graph-model.ts';
import { listOf, numberOf, objectOf, own, textOf } from './raw-values.ts';

export interface NameRule {
  readonly pattern: RegExp;
  readonly isInverted: boolean;
  /** Places where the pattern can go on in several ways: a name of n characters takes up to n ** (choices + 1) steps. */
  readonly choices: number;
  readonly work: Work;
}

/** Steps that patterns may still take: they are the file's own, and one file must not hold up everybody. */
export interface Work {
  left: number;
}

export interface BroadcastRules {
  readonly title: NameRule | undefined;
  readonly input: NameRule | undefined;
  readonly group: NameRule | undefined;
  /** 1: only within the node's groups (to its colour), 2: only outside them. */
  readonly groups: number;
  readonly colours: number;
  readonly priority: number | undefined;
  /** How an input's name must match when a node sends the same type twice. */
  readonly repeatedRule: number;
  readonly isForUnrepeated: boolean;
  readonly textToCombo: boolean;
  readonly toAny: boolean;
  readonly sendsSeeds: boolean;
}

const KINDS: ReadonlySet<string> = new Set([
  'Anything Everywhere',
  'Anything Everywhere?',
  'Anything Everywhere3',
  'Prompts Everywhere',
  'Seed Everywhere',
]);

export function isBroadcaster({ raw }: EditorNode): boolean {
  return KINDS.has(raw.type);
}

/** An ordinary node whose outputs are sent everywhere. */
export function sendsOutputs({ raw }: EditorNode): boolean {
  return raw.type === 'Seed Everywhere' || Boolean(own(raw.properties, 'ue_convert'));
}

export function readRules(node: EditorNode, work: Work): BroadcastRules {
  const settings = readSettings(node);
  const read = (name: string) => readRule(settings, name, work);
  const isSeed = node.raw.type === 'Seed Everywhere';
  const input = read('input') ?? (isSeed ? { pattern: /seed/, isInverted: false, choices: 0, work } : undefined);
  return {
    title: read('title'),
    input,
    group: read('group'),
    groups: numberOf(own(settings, 'group_restricted')) ?? 0,
    colours: numberOf(own(settings, 'color_restricted')) ?? 0,
    priority: numberOf(own(settings, 'priority')) || undefined,
    repeatedRule: numberOf(own(settings, 'repeated_type_rule')) ?? 0,
    isForUnrepeated: Boolean(own(settings, 'apply_to_unrepeated')),
    textToCombo: (numberOf(own(settings, 'string_to_combo')) ?? 0) > 0,
    toAny: (numberOf(own(settings, 'send_to_any')) ?? 0) > 0,
    sendsSeeds: isSeed || Boolean(own(settings, 'seed_inputs')),
  };
}

/** Before version 7 the regular expressions were widgets, and the restrictions plain properties. */
function readSettings({ raw }: EditorNode): JsonObject {
  const settings = own(raw.properties, 'ue_properties');
  if (isJsonObject(settings) && textOf(own(settings, 'version')) !== undefined) return settings;
  if (!KINDS.has(raw.type)) return objectOf(settings);
  const [title, input, group] = raw.type === 'Anything Everywhere?' ? listOf(raw.values) : [];
  return {
    group_restricted: own(raw.properties, 'group_restricted') ?? 0,
    color_restricted: own(raw.properties, 'color_restricted') ?? 0,
    title_regex: title ?? null,
    input_regex: input ?? null,
    group_regex: group ?? null,
  };
}

/** Patterns are the file's own: one that could run for ages is taken as plain text. */
function readRule(settings: JsonObject, name: string, work: Work): NameRule | undefined {
  const source = textOf(own(settings, `${name}_regex`));
  if (source === undefined || source === '' || source === '.*') return undefined;
  return makeRule(source, { isInverted: Boolean(own(settings, `${name}_regex_invert`)), work });
}

export function makeRule(source: string, how: Pick<NameRule, 'isInverted' | 'work'>): NameRule {
  const choices = countChoices(source);
  const isRepeatedGroup = /\)\s*[*+{?]/.test(source);
  const isTame = source.length <= MAX_SOURCE && choices <= MAX_CHOICES && !isRepeatedGroup && !/\\\d|\(\?/.test(source);
  const literal = () => ({ ...how, pattern: new RegExp(escapeText(source.slice(0, MAX_SOURCE))), choices: 0 });
  try {
    return isTame ? { ...how, pattern: new RegExp(source), choices } : literal();
  } catch {
    return literal();
  }
}

/** Rather too many than too few: a character that is escaped or in brackets counts, too. */
function countChoices(source: string): number {
  const groups = source.includes('|') ? (source.match(/\(/g)?.length ?? 0) : 0;
  return groups + (source.match(/[*+?{]/g)?.length ?? 0);
}

const MAX_CHOICES = 3;
const MAX_SOURCE = 200;
/** Names are short; a longer one is only looked at so far. */
const MAX_NAME = 100;

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** False, whatever the rule, once its file has used up its steps. */
export function fits(rule: NameRule | undefined, name: string): boolean {
  if (rule === undefined) return true;
  const { pattern, isInverted, choices, work } = rule;
  const text = name.slice(0, MAX_NAME);
  work.left -= (text.length + 1) ** (choices + 1);
  return work.left >= 0 && pattern.test(text) !== isInverted;
}

/** Sockets take what is sent unless they are told not to, widgets only when they are told to. */
export function takesBroadcasts({ raw }: EditorNode, { name, widget }: Slot): boolean {
  const { properties } = raw;
  if (own(properties, 'rejects_ue_links')) return false;
  const settings = objectOf(own(properties, 'ue_properties'));
  if (widget === undefined) return !own(objectOf(own(settings, 'input_ue_unconnectable')), name);
  const connectable = own(settings, 'widget_ue_connectable') ?? own(properties, 'widget_ue_connectable');
  if (isJsonObject(connectable)) return Boolean(own(connectable, name));
  // Older files list only those widgets as inputs that were turned into one.
  return isOldStyle(own(settings, 'version')) && (raw.inputs ?? []).some((slot) => slot.name === name);
}

function isOldStyle(version: JsonValue | undefined): boolean {
  return version === undefined;
}
