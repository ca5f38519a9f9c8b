// LISTEN on one connection of its own, connected at the first use and again after every loss. Owned by database.ts.
// After a gap each channel is called with undefined: something may have been missed, so look for yourself.
import pg from 'pg';
import type { DatabaseLog } from './connection.ts';
import { DatabaseUnavailable, isConnectionLoss } from './database-unavailable.ts';

type OnNotify = (payload: string | undefined) => void;

export interface Listener {
  listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

export function createListener(deps: { config: pg.ClientConfig; log: DatabaseLog }): Listener {
  const channels = new Map<string, Set<OnNotify>>();
  let client: Promise<pg.Client> | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const connect = async (): Promise<pg.Client> => {
    const fresh = new pg.Client(deps.config);
    fresh.on('notification', ({ channel, payload }) => {
      for (const call of channels.get(channel) ?? []) call(payload ?? '');
    });
    // 'end' follows every 'error'; reconnecting belongs to 'end' alone.
    fresh.on('error', (error) => deps.log.warn({ err: error }, 'the listening connection was lost'));
    await fresh.connect();
    for (const channel of channels.keys()) await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
    fresh.once('end', () => reconnectAfter(FIRST_PAUSE_MS));
    return fresh;
  };

  const reconnectAfter = (pauseMs: number): void => {
    client = undefined;
    if (stopped) return;
    timer = setTimeout(async () => {
      const attempt = connect();
      client = attempt;
      try {
        await attempt;
      } catch {
        // Said by the pool's availability; here only try on.
        reconnectAfter(Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
        return;
      }
      for (const calls of channels.values()) for (const call of calls) call(undefined);
    }, pauseMs);
  };

  const unlisten = async (channel: string, onNotify: OnNotify): Promise<void> => {
    const calls = channels.get(channel);
    calls?.delete(onNotify);
    if (!calls || calls.size > 0) return;
    channels.delete(channel);
    const connected = await client?.catch(() => undefined);
    // On a connection that is just being lost there is nothing left to unlisten.
    await connected?.query(`unlisten ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
  };

  return {
    listen: async (channel, onNotify) => {
      const calls = channels.get(channel) ?? new Set();
      calls.add(onNotify);
      channels.set(channel, calls);
      try {
        client ??= connect();
        await (await client).query(`listen ${pg.escapeIdentifier(channel)}`);
      } catch (error) {
        if (!isConnectionLoss(error)) throw error;
        deps.log.warn(
          { err: new DatabaseUnavailable(false, { cause: error }) },
          'listening starts when the database is back',
        );
        reconnectAfter(FIRST_PAUSE_MS);
      }
      return () => unlisten(channel, onNotify);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      const connected = await client?.catch(() => undefined);
      await connected?.end();
    },
  };
}
