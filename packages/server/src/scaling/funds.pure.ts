// Whether instances that no request waits for may be started: for a minimum or a warm-up call an account pays that may have
// nothing left. What requests wait for has its funds reserved and is never held back. Pure; asked by decide.pure.ts, the
// answers come from ask-funds.ts.
//
//   unknown → enough   started; 30 s later it is unknown again
//           → short    not started; asked again after 30 s, or once somebody edits a deployment
//           → failing  nobody could be asked (the database is away): asked again every second until an answer comes

export type Funds =
  | { readonly kind: 'unknown' | 'enough' | 'short'; readonly askAt: number }
  /** `since`: when the first of the row failed. */
  | { readonly kind: 'failing'; readonly since: number; readonly askAt: number };

/** `askAt` says from when on the account is asked, or asked again. */
export const UNASKED: Funds = { kind: 'unknown', askAt: Number.NEGATIVE_INFINITY };

export const UNFUNDED = 'the funds do not allow new runs';

/** An answer holds for so long, and a question without one is given up after it. */
const HOLDS_MS = 30_000;
const AGAIN_MS = 1_000;

/** The question is under way: until it is answered, what is told of the last one stays. */
export function noteAsked(funds: Funds, now: number): Funds {
  const askAt = now + HOLDS_MS;
  return funds.kind === 'enough' ? { kind: 'unknown', askAt } : { ...funds, askAt };
}

export function noteAnswer(canPay: boolean, now: number): Funds {
  return { kind: canPay ? 'enough' : 'short', askAt: now + HOLDS_MS };
}

export function noteFailure(funds: Funds, now: number): Funds {
  return { kind: 'failing', since: funds.kind === 'failing' ? funds.since : now, askAt: now + AGAIN_MS };
}

/** Somebody edited a deployment or called for instances, and may have paid before: it is asked at once. */
export function forgetRefusal(funds: Funds): Funds {
  return funds.kind === 'enough' ? funds : UNASKED;
}

interface Starts {
  readonly count: number;
  /** So many of them are for requests that wait. */
  readonly forRequests: number;
}

export interface Payable {
  readonly count: number;
  /** Why the others are not started. */
  readonly because: string | undefined;
  /** The account is to be asked now. */
  readonly asksFunds: boolean;
  readonly checkAt: number | undefined;
}

/** `funds` undefined: nobody has to pay. */
export function limitToPayable(funds: Funds | undefined, { count, forRequests }: Starts, now: number): Payable {
  const isAllowed = funds === undefined || (funds.kind === 'enough' && now < funds.askAt);
  if (isAllowed || count <= forRequests) return { count, because: undefined, asksFunds: false, checkAt: undefined };
  const asksFunds = now >= funds.askAt;
  const checkAt = asksFunds ? now + HOLDS_MS : funds.askAt;
  return { count: forRequests, because: describe(funds, now), asksFunds, checkAt };
}

function describe(funds: Funds, now: number): string {
  switch (funds.kind) {
    case 'short':
      return UNFUNDED;
    case 'failing':
      return `whether the account can pay could not be asked for ${Math.round((now - funds.since) / 1_000)} s: trying again`;
    default:
      return 'whether the account can pay is being asked';
  }
}
