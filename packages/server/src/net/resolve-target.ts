// Finds the addresses a target may be dialled at: every address of the name must be public, for a name with one
// private address among public ones is an attack, not a mistake. safe-fetch.ts dials exactly what this returns, so
// a second answer (DNS rebinding) is never asked for.
import { FetchFailure } from './fetch-failure.ts';
import { judgeAddress } from './judge-address.ts';
import { refuseHost, type Target } from './target.ts';

export type Lookup = (hostname: string) => Promise<{ address: string }[]>;

const MAX_ADDRESSES_TRIED = 4;

function abandonOn(signal: AbortSignal): { promise: Promise<never>; stop: () => void } {
  let stop = () => {};
  const promise = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  return { promise, stop };
}

async function lookUp(lookup: Lookup, target: Target, signal: AbortSignal): Promise<string[]> {
  // The resolver cannot be cancelled, so an abort leaves its answer unread instead of waiting for it.
  const abort = abandonOn(signal);
  try {
    return (await Promise.race([lookup(target.hostname), abort.promise])).map((entry) => entry.address);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new FetchFailure(refuseHost(target.url), { reason: 'unreachable', isRetryable: true, cause });
  } finally {
    abort.stop();
  }
}

export async function resolveTarget(lookup: Lookup, target: Target, signal: AbortSignal): Promise<string[]> {
  if (target.address !== undefined) return [target.address]; // judgeTarget has judged it
  const addresses = await lookUp(lookup, target, signal);
  const isRefused = !target.isAllowListed && addresses.some((address) => judgeAddress(address).kind === 'refused');
  if (isRefused) throw new FetchFailure(refuseHost(target.url), { reason: 'not_allowed' });
  if (addresses.length === 0) {
    throw new FetchFailure(refuseHost(target.url), { reason: 'unreachable', isRetryable: true });
  }
  return [...new Set(addresses)].slice(0, MAX_ADDRESSES_TRIED);
}
