// How long single polls take when the gateway is not saturated: a few loops on kept connections, each call timed. Rows 10, 11.
import { Pool } from 'undici';
import { nowMs } from './statistics.ts';
import { runWorkers } from './workers.ts';

const WORKERS = 2;

export interface Poller {
  /** Milliseconds of each call; throws on anything but 200. `onAnswer` sees the bodies. */
  poll(given: {
    count: number;
    next: (index: number) => { path: string; headers: Readonly<Record<string, string>> };
    onAnswer?: (body: string, index: number) => void;
  }): Promise<number[]>;
  close(): Promise<void>;
}

export function openPoller(url: string): Poller {
  const pool = new Pool(url, { connections: WORKERS, pipelining: 1 });
  return {
    poll: ({ count, next, onAnswer }) =>
      runWorkers({ workers: WORKERS, count }, async (index) => {
        const { path, headers } = next(index);
        const startedAt = nowMs();
        const reply = await pool.request({ path, method: 'GET', headers: { ...headers } });
        const body = await reply.body.text();
        const tookMs = nowMs() - startedAt;
        if (reply.statusCode !== 200) throw new Error(`${path} answered ${reply.statusCode}: ${body.slice(0, 300)}`);
        onAnswer?.(body, index);
        return tookMs;
      }),
    close: () => pool.close(),
  };
}
