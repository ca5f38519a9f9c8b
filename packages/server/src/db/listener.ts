// LISTEN on one connection of its own, connected at the first use and again after every loss. Owned by database.ts.
// After a gap each channel is called with undefined: something may have been missed, so look for yourself.
import pg from 'pg';
import type { DatabaseLog } from './connection.ts';
import { isConnectionLoss } from './database-unavailable.ts';

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
    const fresh = await openClient(deps, channels);
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
        // Said by the pool's availability; here only try on. (Unless a `listen` that waited for it does so already.)
        if (client === attempt) reconnectAfter(Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
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
      client ??= connect();
      const attempt = client;
      try {
        await (await attempt).query(`listen ${pg.escapeIdentifier(channel)}`);
      } catch (error) {
        if (!isConnectionLoss(error)) throw error;
        deps.log.warn({ err: error }, 'listening starts when the database is back');
        // A connection that was there reconnects at its end; one that never was does not.
        const wasConnected = await attempt.then(
          () => true,
          () => false,
        );
        if (!wasConnected && client === attempt) reconnectAfter(FIRST_PAUSE_MS);
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

type Channels = ReadonlyMap<string, ReadonlySet<OnNotify>>;

async function openClient(deps: { config: pg.ClientConfig; log: DatabaseLog }, channels: Channels): Promise<pg.Client> {
  const client = new pg.Client(deps.config);
  client.on('notification', ({ channel, payload }) => {
    for (const call of channels.get(channel) ?? []) call(payload ?? '');
  });
  // 'end' follows every 'error'; reconnecting belongs to 'end' alone.
  client.on('error', (error) => deps.log.warn({ err: error }, 'the listening connection was lost'));
  await client.connect();
  for (const channel of channels.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
  return client;
}
