// A socket in front of PostgreSQL's that a test can shut and open: the database goes away and comes back, for the service
// alone. Used by database-down.test.ts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { ConnectionParts } from '../src/db/connection.ts';
import { createDoor, type Door } from './door.ts';

export interface DatabaseDoor extends Door {
  /** Where the service connects instead. */
  through(connection: ConnectionParts): ConnectionParts;
}

/** Called at the top of a test file. */
export function useDatabaseDoor(): DatabaseDoor {
  const folder = mkdtempSync(join(tmpdir(), 'comfleet-door-'));
  let door: Door | undefined;
  const shut = async () => await door?.shut();
  const open = async () => await door?.open();
  afterAll(async () => {
    await shut();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    through(connection) {
      const name = `.s.PGSQL.${connection.port}`;
      door = createDoor({ path: join(folder, name) }, { path: join(connection.host, name) });
      void door.open();
      return { ...connection, host: folder };
    },
    shut,
    open,
  };
}
