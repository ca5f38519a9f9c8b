import { expect, it } from 'vitest';
import { isTerminal, REQUEST_NEXT, type RequestEvent, type RequestState } from './lifecycle.pure.ts';

// Written out again, by hand: a change of the table is a change of the contract.
const EXPECTED: Record<RequestState, Record<RequestEvent, RequestState | 'unchanged'>> = {
  queued: { lease: 'active', lose: 'unchanged', succeed: 'unchanged', fail: 'failed', cancel: 'cancelled' },
  active: { lease: 'unchanged', lose: 'queued', succeed: 'succeeded', fail: 'failed', cancel: 'cancelled' },
  succeeded: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
  failed: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
  cancelled: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
};

const STATES = Object.keys(EXPECTED) as RequestState[];
const EVENTS = Object.keys(EXPECTED.queued) as RequestEvent[];

it('every state answers every event as the contract says', () => {
  expect(REQUEST_NEXT).toEqual(EXPECTED);
});

it('a terminal state is never left, and is reached from everywhere', () => {
  for (const state of STATES.filter(isTerminal)) {
    for (const event of EVENTS) expect(REQUEST_NEXT[state][event]).toBe('unchanged');
  }
  expect(STATES.filter(isTerminal)).toEqual(['succeeded', 'failed', 'cancelled']);
  for (const state of ['queued', 'active'] as const) expect(REQUEST_NEXT[state].cancel).toBe('cancelled');
});

it('only a leased request can succeed', () => {
  expect(STATES.filter((state) => REQUEST_NEXT[state].succeed === 'succeeded')).toEqual(['active']);
});
