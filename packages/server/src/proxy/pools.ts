// The connections of the proxy to each instance, apart from those that run requests: slow callers hold up only callers.
// Made by proxy.ts; used by forward.ts and its neighbours.
import { Pool } from 'undici';
import type { Instance } from '../instances/fleet.ts';

export interface Pools {
  /** `basePath` stands before every path of an instance that lies below one. */
  of(instance: Instance): { pool: Pool; basePath: string };
  drop(instanceId: string): void;
  stop(): Promise<void>;
}

const CONNECTIONS = 64;
const CONNECT_MS = 5_000;
/** To the first byte of an answer; object_info of a large installation takes its time. */
const HEADERS_MS = 120_000;
/** Between two pieces of an answer that somebody reads. */
const IDLE_MS = 120_000;

interface Entry {
  readonly pool: Pool;
  readonly basePath: string;
}

export function createPools(): Pools {
  const pools = new Map<string, Entry>();
  const drop = async (id: string) => {
    const entry = pools.get(id);
    pools.delete(id);
    await entry?.pool.destroy();
  };
  return {
    of({ id, connection }) {
      const known = pools.get(id);
      if (known) return known;
      const url = new URL(connection.baseUrl);
      const pool = new Pool(url.origin, {
        connections: CONNECTIONS,
        keepAliveTimeout: 30_000,
        keepAliveMaxTimeout: 60_000,
        headersTimeout: HEADERS_MS,
        bodyTimeout: IDLE_MS,
        connect: { timeout: CONNECT_MS },
      });
      const entry = { pool, basePath: url.pathname.replace(/\/+$/, '') };
      pools.set(id, entry);
      return entry;
    },
    drop: (id) => void drop(id),
    async stop() {
      await Promise.all([...pools.keys()].map(drop));
    },
  };
}
