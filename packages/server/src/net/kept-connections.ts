// Connections that are used again: one small pool for each origin and set of checked addresses, so that a host which
// resolves elsewhere now is never reached over an old connection. Used by post.ts.
import { Pool } from 'undici';
import { type Connector, pinnedConnector } from './exchange.ts';
import type { Target } from './target.ts';

export interface KeptConnections {
  poolFor(target: Target, addresses: readonly string[]): Pool;
}

const CONNECTIONS = 16;
const KEEP_ALIVE_MS = 4_000;
const UNUSED_MS = 10_000;

interface Kept {
  readonly pool: Pool;
  usedAt: number;
}

export function createKeptConnections(deps: { connect: Connector; idleTimeoutMs: number }): KeptConnections {
  const kept = new Map<string, Kept>();
  let timer: NodeJS.Timeout | undefined;

  function closeUnused() {
    const now = performance.now();
    for (const [key, { pool, usedAt }] of kept) {
      if (now - usedAt < UNUSED_MS) continue;
      kept.delete(key);
      void pool.close().catch(() => {}); // waits for what is under way; a failing teardown has nobody left to tell
    }
    if (kept.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    poolFor({ url }, addresses) {
      const key = `${url.origin} ${addresses.join(' ')}`;
      const known = kept.get(key);
      if (known) {
        known.usedAt = performance.now();
        return known.pool;
      }
      const pool = new Pool(url.origin, {
        connect: pinnedConnector(deps.connect, addresses),
        connections: CONNECTIONS,
        headersTimeout: deps.idleTimeoutMs,
        bodyTimeout: deps.idleTimeoutMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
        pipelining: 1,
      });
      kept.set(key, { pool, usedAt: performance.now() });
      timer ??= setInterval(closeUnused, UNUSED_MS).unref();
      return pool;
    },
  };
}
