// The life of a request as one complete table. finish.ts asks it for the next state; the SQL guards the same edges.
//
//   queued ──lease──▶ active ──succeed──▶ succeeded
//     ▲                 │ ├────fail─────▶ failed
//     └──────lose───────┘ └───cancel────▶ cancelled
//
// A queued request may fail (deployment disabled, start time-out) or be cancelled; a terminal state never changes (I1).
export type RequestState = 'queued' | 'active' | 'succeeded' | 'failed' | 'cancelled';
export type RequestEvent = 'lease' | 'lose' | 'succeed' | 'fail' | 'cancel';

export const REQUEST_NEXT: Record<RequestState, Record<RequestEvent, RequestState | 'unchanged'>> = {
  queued: { lease: 'active', lose: 'unchanged', succeed: 'unchanged', fail: 'failed', cancel: 'cancelled' },
  active: { lease: 'unchanged', lose: 'queued', succeed: 'succeeded', fail: 'failed', cancel: 'cancelled' },
  succeeded: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
  failed: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
  cancelled: { lease: 'unchanged', lose: 'unchanged', succeed: 'unchanged', fail: 'unchanged', cancel: 'unchanged' },
};

export function isTerminal(state: RequestState): state is 'succeeded' | 'failed' | 'cancelled' {
  return state !== 'queued' && state !== 'active';
}
