// When money runs out (the policy is in billing/hold.pure.ts): stops the runs that have outlasted what they reserved once
// nothing else pays for them, and where the balance itself is used up, disables the account's deployments and ends what
// waits, all with 10001. A slow sweep, made by app-engine.ts when billing is on, started by brain.ts.
import type { Funds, Overrun } from '../billing/funds.ts';
import { priceSpan, wholeMs } from '../billing/price.pure.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import type { LiveIndex, LiveRequest, StopWish } from './live.ts';

interface Deps {
  readonly live: LiveIndex;
  readonly funds: Funds;
  readonly log: Log;
  readonly stop: (request: LiveRequest, wish: StopWish) => void;
  readonly disableAll: (accountId: string) => Promise<void>;
}

const EVERY_MS = 1_000;

export function createFundsSweep(deps: Deps) {
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      await deps.funds.refresh();
      for (const accountId of deps.funds.takeEmptied()) {
        if (deps.funds.isEmpty(accountId)) await deps.disableAll(accountId);
      }
    } catch (error) {
      deps.log.warn(describeError(error), 'balances could not be read; the last known ones hold');
    }
    stopOverruns(deps);
    const broke = endWaiting(deps);
    for (const accountId of broke) await deps.disableAll(accountId).catch(() => undefined); // the next submit does it
  }

  function sweep(): Promise<void> {
    sweeping ??= look().finally(() => {
      sweeping = undefined;
    });
    return sweeping;
  }

  return {
    start() {
      timer = setInterval(() => void sweep(), EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await sweeping;
    },
    sweep,
  };
}

function stopOverruns({ live, funds, stop }: Deps): void {
  const running = new Map<Overrun, LiveRequest>();
  for (const request of live.all()) {
    const { hold, runTick, ranMs } = request;
    if (hold === undefined || runTick === undefined || ranMs !== undefined || request.stop) continue;
    const usedMs = wholeMs(performance.now() - runTick);
    const used = priceSpan({ fromMs: 0, toMs: usedMs }, hold.pricePerHourMicrodollars);
    const overrunMicrodollars = used - hold.reservedMicrodollars;
    if (overrunMicrodollars > 0) running.set({ hold, overrunMicrodollars }, request);
  }
  for (const overrun of funds.chooseStops([...running.keys()])) {
    const request = running.get(overrun);
    const details =
      'The run was stopped: it outlasted the funds that were reserved for it, and neither the balance nor the spending limit allows more. Add funds, enable the deployment and submit again.';
    if (request) stop(request, { kind: 'fail', code: 10001, details });
  }
}

/** Gives the accounts concerned. */
function endWaiting({ live, funds, stop }: Deps): Set<string> {
  const broke = new Set<string>();
  for (const request of live.all()) {
    const { hold } = request;
    if (hold === undefined || request.stop || hold.reservedMicrodollars === 0) continue;
    const isGiven = request.phase !== 'queued' && request.phase !== 'leased';
    // What ran before a restart counts as leased until its instance is heard of, and has started long ago.
    const isWaiting = !isGiven && request.startedAt === undefined;
    if (!isWaiting || !funds.isEmpty(request.accountId)) continue;
    broke.add(request.accountId);
    const details = `The account's funds were used up while this request waited. Add funds, enable deployment ${request.deploymentId} and submit again.`;
    stop(request, { kind: 'fail', code: 10001, details });
  }
  return broke;
}
