// The quick checks that a start does before anything else: what fails would fail later, and one by one. Called by
// run-server.ts, and by run-doctor.ts as its first part.
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import { persist } from '../db/persist.ts';
import { checkStorage } from '../files/check-storage.ts';
import { createDiskStore } from '../files/stores/disk.ts';
import { checkDataDir } from './check-data-dir.ts';
import { checkDatabase } from './check-database.ts';
import { type Finding, fail, messageOf, ok, warn } from './finding.ts';
import { judgeSettings } from './judge-settings.pure.ts';

export const FILE_STORAGE = 'file storage';

/** `databaseWithinMs`: how long a database that is just being started is waited for. */
export async function checkStart(config: Config, databaseWithinMs: number): Promise<Finding[]> {
  const { host, publicUrl, allowedHosts, adminToken, metricsToken, dataDir } = config;
  const secrets = { COMFLEET_ADMIN_TOKEN: adminToken, COMFLEET_METRICS_TOKEN: metricsToken };
  const settings = judgeSettings({ host, publicUrl, allowedHosts, secrets });
  const folder = checkDataDir(dataDir);
  const isUsable = folder.every(({ verdict }) => verdict !== 'fail');
  return [
    ...settings,
    ...folder,
    ...(isUsable ? await checkFiles(dataDir) : []),
    ...(config.databaseUrl === undefined ? [] : await checkUrl(config.databaseUrl, databaseWithinMs)),
  ];
}

async function checkFiles(dataDir: string): Promise<Finding[]> {
  const problems = await checkStorage(createDiskStore({ dir: join(dataDir, 'files') }));
  if (problems.length > 0) return problems.map((problem) => fail(FILE_STORAGE, problem));
  return [ok(FILE_STORAGE, 'a file can be written, read and removed')];
}

async function checkUrl(url: string, withinMs: number): Promise<Finding[]> {
  try {
    const { findings, services } = await persist(() => checkDatabase(url), { withinMs });
    if (services === 0) return findings;
    const says = `${services} other services use this database: all of them need the same folder of files, by a file system that they share.`;
    return [...findings, warn(FILE_STORAGE, says)];
  } catch (error) {
    const cause = isDatabaseUnavailable(error) ? error.cause : error;
    return [fail('database', `DATABASE_URL cannot be used: ${describe(messageOf(cause))}`)];
  }
}

function describe(message: string): string {
  if (/unsupported startup parameter/i.test(message)) {
    return `${message}. A pooler stands before PostgreSQL: connect to PostgreSQL itself, or to a pooler in session mode that lets "options" pass.`;
  }
  return `${message}. Is PostgreSQL running there, and are user, password and database right?`;
}
