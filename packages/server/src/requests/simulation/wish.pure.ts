// What a caller asks of the error simulator: `10011`, `10011;after=5s`, `503001;in=status;times=2`. Called by simulator.ts.
import { ERROR_CODES, ERRORS, type ErrorCode, isErrorCode, type Problem } from '@comfleet/api';
import { BEHAVIOURS, type Place } from './behaviours.pure.ts';

/** The name of the header, and of the label that the body may have instead. */
export const SIMULATE = 'comfleet-simulate';

export interface SimulationWish {
  readonly code: ErrorCode;
  readonly place: Place;
  /** undefined: the usual time of the place. */
  readonly afterMs: number | undefined;
  /** How many polls are answered with it, for the place `status`. */
  readonly times: number;
  /** As it was asked for; kept with the request as a label. */
  readonly text: string;
}

export type ReadWish = { kind: 'ok'; wish: SimulationWish } | { kind: 'bad'; problem: Problem };

const MAX_AFTER_MS = 3_600_000;
const MAX_TIMES = 1_000;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** `loc` is where it stands: a header or a label. */
export function readWish(text: string, loc: Problem['loc']): ReadWish {
  const bad = (msg: string, type: string): ReadWish => ({ kind: 'bad', problem: { loc, msg, type, input: text } });
  const [head = '', ...options] = text.split(';').map((part) => part.trim());
  const code = /^\d{1,9}$/.test(head) ? Number(head) : undefined;
  if (!isErrorCode(code)) {
    return bad(
      `${SIMULATE} wants a code, perhaps with options (10011;after=5s). It can be ${listCodes()}.`,
      'unknown_code',
    );
  }
  const { places } = BEHAVIOURS[code];
  let wish: SimulationWish = { code, place: places[0], afterMs: undefined, times: 1, text };
  for (const option of options.filter((each) => each !== '')) {
    const read = readOption(option, places);
    if (typeof read === 'string') return bad(`${SIMULATE}: "${option}" ${read}`, 'bad_format');
    wish = { ...wish, ...read };
  }
  return { kind: 'ok', wish };
}

// Gives what the option sets, or what is wrong with it.
function readOption(option: string, places: readonly Place[]): Partial<SimulationWish> | string {
  const [name = '', value = ''] = option.split('=').map((part) => part.trim());
  if (name === 'after') {
    const afterMs = readDuration(value);
    return afterMs === undefined ? 'wants a time of up to an hour, such as 500ms, 2s or 1m.' : { afterMs };
  }
  if (name === 'times') {
    const times = /^\d{1,4}$/.test(value) ? Number(value) : 0;
    return times >= 1 && times <= MAX_TIMES ? { times } : `wants a whole number from 1 to ${MAX_TIMES}.`;
  }
  if (name === 'in') {
    const place = places.find((each) => each === value);
    return place === undefined ? `is not where this code is told; it can be in=${places.join(' or in=')}.` : { place };
  }
  return 'is no option; there are after, in and times.';
}

function readDuration(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const ms = Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return ms <= MAX_AFTER_MS ? ms : undefined;
}

function listCodes(): string {
  return ERROR_CODES.map((code) => `${code} ${ERRORS[code].name}`).join(', ');
}
