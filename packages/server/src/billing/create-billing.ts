// Everything of billing that lives: the gate, the meter of started instances, the counting of usage. Made by app-engine.ts.
import type { HardwareCatalogue } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { createUsageCounter } from './count-usage.ts';
import { Funds } from './funds.ts';
import { createMeter, type Meter } from './meter.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: {
    readonly billing: 'on' | 'off';
    readonly hardware: HardwareCatalogue;
    readonly runTimeoutMs: number;
  };
  readonly disable: (of: { accountId: string; deploymentId: string }) => Promise<void>;
}

export interface Billing {
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Told by whoever starts and stops instances for deployments. */
  readonly meter: Meter;
  start(isAlive: (instanceId: string) => boolean): Promise<void>;
  stop(): Promise<void>;
}

export function createBilling({ db, clock, log, config, disable }: Deps): Billing {
  const { hardware, runTimeoutMs } = config;
  const meter = createMeter({ db, log });
  const usageCounter = createUsageCounter({ db, clock, log });
  return {
    funds: config.billing === 'on' ? new Funds({ db, clock, hardware, runTimeoutMs, disable }) : undefined,
    meter,
    async start(isAlive) {
      await meter.resume(isAlive);
      meter.start();
      usageCounter.start();
    },
    async stop() {
      await usageCounter.stop();
      await meter.stop();
    },
  };
}
