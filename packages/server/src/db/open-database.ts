// Which PostgreSQL this start uses: one's own, which replicas may share, or the embedded one, which guards its data
// directory against a second service. Called by app.ts.
import type { DatabaseLocation, DatabaseLog } from './connection.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import type { Fence } from './fence.ts';

interface Deps {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly log: DatabaseLog;
  readonly fence: Fence;
  readonly onFatal: (error: Error) => void;
}

export interface OpenedDatabase {
  readonly location: DatabaseLocation;
  stop(): Promise<void>;
}

export async function openDatabase({ dataDir, databaseUrl, log, fence, onFatal }: Deps): Promise<OpenedDatabase> {
  if (databaseUrl !== undefined) return { location: { url: databaseUrl, fence }, stop: async () => undefined };
  const embedded = await startEmbeddedPostgres({ dataDir, log, onExit: onFatal });
  return { location: { connection: embedded.connection }, stop: () => embedded.stop() };
}
