// Writes packages/server/src/db/schema.sql, the whole schema in one place for reviewers: run `npx tsx tools/generate-schema.ts`
// after a change of a migration. A test compares the file with what the migrations make.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../packages/server/src/db/database.ts';
import { startEmbeddedPostgres } from '../packages/server/src/db/embedded.ts';
import { migrate } from '../packages/server/src/db/migrate.ts';
import { describeSchema } from '../packages/server/testing/describe-schema.ts';

const silent = (): void => {};
const log = { info: silent, warn: silent, error: silent };
const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-schema-'));
const postgres = await startEmbeddedPostgres({ dataDir, log, onExit: silent });
const db = createDatabase({ connection: postgres.connection, log });
try {
  await migrate(db);
  writeFileSync(new URL('../packages/server/src/db/schema.sql', import.meta.url), await describeSchema(db));
} finally {
  await db.stop();
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
