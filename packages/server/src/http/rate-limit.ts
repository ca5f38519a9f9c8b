// How many calls a token may make a second, and how many an address may make without a valid token: buckets that refill,
// in memory, of a bounded number. Used by serve-route.ts; measured at well under a microsecond a call.
import { ApiError } from '@comfleet/api';

export interface RateLimits {
  /** A second; 0 is no limit. */
  readonly writes: number;
  readonly reads: number;
}

/** Calls without a valid token that an address may make at once, and how many of them come back each second. */
const REFUSALS_AT_ONCE = 50;
const REFUSALS_A_SECOND = 10;

const MAX_BUCKETS = 20_000;
/** From this share down an answer says what is left; before, nobody needs to know and every byte costs. */
const SAYS_SHARE = 0.5;

interface Bucket {
  left: number;
  at: number;
}

type Taken = { kind: 'ok'; left: number } | { kind: 'empty'; waitMs: number };

/** A second's worth at once, refilled evenly. The clock is monotonic, in milliseconds. */
export function createBuckets(given: { size: number; perSecond: number; now: () => number }) {
  const { size, perSecond, now } = given;
  const buckets = new Map<string, Bucket>();

  // The one that was made first; who is still there starts again with a full one.
  function makeRoom(): void {
    const oldest = buckets.keys().next().value;
    if (oldest !== undefined) buckets.delete(oldest);
  }

  function refilled(key: string): Bucket | undefined {
    const bucket = buckets.get(key);
    if (bucket === undefined) return undefined;
    const at = now();
    bucket.left = Math.min(size, bucket.left + ((at - bucket.at) * perSecond) / 1000);
    bucket.at = at;
    return bucket;
  }

  return {
    take(key: string): Taken {
      const bucket = refilled(key);
      if (bucket === undefined) {
        if (buckets.size >= MAX_BUCKETS) makeRoom();
        buckets.set(key, { left: size - 1, at: now() });
        return { kind: 'ok', left: size - 1 };
      }
      if (bucket.left < 1) return { kind: 'empty', waitMs: ((1 - bucket.left) / perSecond) * 1000 };
      bucket.left -= 1;
      return { kind: 'ok', left: bucket.left };
    },
    isEmpty: (key: string) => (refilled(key)?.left ?? size) < 1,
    size: () => buckets.size,
  };
}

export function createRateLimiter(limits: RateLimits, now: () => number = () => performance.now()) {
  const kinds = {
    writes: createKind('writes', limits.writes, now),
    reads: createKind('reads', limits.reads, now),
  };
  const refusals = createBuckets({ size: REFUSALS_AT_ONCE, perSecond: REFUSALS_A_SECOND, now });
  const isLimiting = limits.writes > 0 || limits.reads > 0;

  return {
    /** Counts a call of a token; gives the headers that its answer gets, if any. Throws 429001. */
    countCall(tokenId: string, method: string): Record<string, string> | undefined {
      return (method === 'GET' || method === 'HEAD' ? kinds.reads : kinds.writes)?.(tokenId);
    },
    /** Whether this address has no more calls without a valid token. */
    isGuessing: (address: string) => isLimiting && refusals.isEmpty(networkOf(address)),
    countRefusal(address: string): void {
      if (isLimiting) refusals.take(networkOf(address));
    },
    refuseGuessing(): never {
      const message = 'Too many calls without a valid token came from this address. Wait, then use a valid token.';
      throw new ApiError(429001, message, { headers: { 'retry-after': '1' } });
    },
  };
}

function createKind(name: 'writes' | 'reads', perSecond: number, now: () => number) {
  if (perSecond <= 0) return undefined;
  // A limit below one a second still lets one through.
  const size = Math.max(1, perSecond);
  const buckets = createBuckets({ size, perSecond, now });
  const policy = `"${name}";q=${size};w=${Math.ceil(size / perSecond)}`;
  const setting = `COMFLEET_RATE_LIMIT_${name.toUpperCase()}`;
  return (key: string): Record<string, string> | undefined => {
    const taken = buckets.take(key);
    if (taken.kind === 'ok') {
      if (taken.left >= size * SAYS_SHARE) return undefined;
      return { 'ratelimit-policy': policy, ratelimit: `"${name}";r=${Math.floor(taken.left)};t=1` };
    }
    const seconds = Math.max(1, Math.ceil(taken.waitMs / 1000));
    const headers = {
      'retry-after': String(seconds),
      'ratelimit-policy': policy,
      ratelimit: `"${name}";r=0;t=${seconds}`,
    };
    const message = `This token makes more than ${perSecond} ${name} a second. Wait ${seconds} s and send the call again; its operator can raise ${setting}.`;
    throw new ApiError(429001, message, { headers });
  };
}

/** Who has one IPv6 address has all of its /64. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  return address.split(':').slice(0, 4).join(':');
}
