// Instances at fixed URLs: somebody else starts and stops them, we only know the address. Called by fleet.ts.
import type { Queryable } from '../../db/database.ts';
import { persist } from '../../db/persist.ts';
import { takeInstanceId } from '../instances.sql.ts';
import type { Provider } from '../provider.ts';

interface Deps {
  readonly db: Queryable;
  readonly newId: () => string;
  readonly urls: readonly string[];
  /** Left out: they serve everybody. */
  readonly pool?: string;
}

export function createStaticProvider({ db, newId, urls, pool }: Deps): Provider {
  return {
    kind: 'static',
    async start(events) {
      for (const baseUrl of urls) {
        const row = { id: newId(), provider: 'static', address: baseUrl };
        const id = await persist(() => takeInstanceId(db, row));
        events.onStarted({ id, baseUrl, folders: undefined, ...(pool === undefined ? {} : { pool }) });
      }
    },
    stop: async () => undefined,
  };
}
