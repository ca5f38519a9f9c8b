// The query of the list of requests → what to look for. Called by routes.ts.
import type { Problem } from '@comfleet/api';
import type { RequestState } from '../lifecycle.pure.ts';

const STATES: Record<string, readonly RequestState[]> = {
  in_queue: ['queued', 'active'],
  in_progress: ['queued', 'active'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  canceled: ['cancelled'],
  cancelled: ['cancelled'],
};

/** Which rows have this word. Of unfinished ones memory alone knows which of the two words they have. */
export function statesOf(word: string | undefined): readonly RequestState[] | undefined {
  return word === undefined ? undefined : STATES[word];
}

const LABEL = /^metadata\.(.*)$/;

export type Labels = readonly (readonly [label: string, value: string])[];

/** `metadata.<label>=<value>`, repeatable: all of them must fit. */
export function readLabels(query: Readonly<Record<string, unknown>>): { labels: Labels; problems: Problem[] } {
  const labels: [string, string][] = [];
  const problems: Problem[] = [];
  for (const [key, given] of Object.entries(query)) {
    const label = LABEL.exec(key)?.[1];
    if (label === undefined) continue;
    for (const value of Array.isArray(given) ? given : [given]) {
      if (typeof value === 'string' && !value.includes('\u0000') && !label.includes('\u0000'))
        labels.push([label, value]);
      else problems.push({ loc: ['query', key], msg: `${key} must be a text without U+0000.`, type: 'bad_format' });
    }
  }
  if (labels.length > MAX_LABELS) {
    const msg = `${labels.length} labels are asked for; at most ${MAX_LABELS} can be.`;
    problems.push({ loc: ['query'], msg, type: 'too_long' });
  }
  return { labels, problems };
}

const MAX_LABELS = 16;

// Our own form, and what other programs write: fewer digits, Z, no offset (then it is UTC). A plus that was not escaped
// arrives as a space.
const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?)?(Z|[+ -]\d\d:?\d\d)?$/i;

/** Milliseconds since 1970, the microseconds as a fraction; undefined when it is no instant. */
export function readInstant(text: string): number | undefined {
  const parts = INSTANT.exec(text.trim());
  if (!parts) return undefined;
  const [, day, time = '00:00', seconds = ':00', fraction = '', offset = 'Z'] = parts;
  const zone = offset.toUpperCase() === 'Z' ? 'Z' : offset.replace(' ', '+').replace(/^(...):?(..)$/, '$1:$2');
  const ms = Date.parse(`${day}T${time}${seconds}${zone}`);
  if (Number.isNaN(ms)) return undefined;
  return ms + Number(fraction.slice(0, 6).padEnd(6, '0')) / 1000;
}
