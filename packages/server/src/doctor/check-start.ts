// The quick checks that a start does before anything else: what fails would fail later, and one by one. Called by
// run-server.ts, and by run-doctor.ts as its first part.
import type { Config } from '../config.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import { persist } from '../db/persist.ts';
import { checkStorage } from '../files/check-storage.ts';
import { describeStorage, openStorage } from '../files/open-storage.ts';
import type { Storage } from '../files/storage.ts';
import type { StorageSettings } from '../files/storage-url.ts';
import { checkDataDir } from './check-data-dir.ts';
import { checkDatabase } from './check-database.ts';
import { type Finding, fail, messageOf, ok, warn } from './finding.ts';
import { judgeHardware, judgeSettings } from './judge-settings.pure.ts';

export const FILE_STORAGE = 'file storage';

interface DatabaseWait {
  /** How long a database that is just being started is waited for. */
  readonly withinMs: number;
  /** Told once, with the cause, when it does not answer at once. */
  readonly onWait?: (because: string) => void;
}

export async function checkStart(config: Config, wait: DatabaseWait): Promise<Finding[]> {
  const { host, publicUrl, allowedHosts, adminToken, metricsToken, dataDir } = config;
  const secrets = { COMFLEET_ADMIN_TOKEN: adminToken, COMFLEET_METRICS_TOKEN: metricsToken };
  const settings = judgeSettings({ host, publicUrl, allowedHosts, secrets });
  const folder = checkDataDir(dataDir);
  const isUsable = folder.every(({ verdict }) => verdict !== 'fail');
  return [
    ...settings,
    ...judgeHardware(config.hardware.skus, config.providers),
    ...folder,
    ...(isUsable ? await checkFiles(config.storage) : []),
    ...(config.databaseUrl === undefined ? [] : await checkUrl(config, config.databaseUrl, wait)),
  ];
}

async function checkFiles(settings: StorageSettings): Promise<Finding[]> {
  let storage: Storage | undefined;
  try {
    storage = await openStorage(settings);
    const problems = await checkStorage(storage);
    if (problems.length > 0) return problems.map((problem) => fail(FILE_STORAGE, problem));
  } catch (error) {
    return [fail(FILE_STORAGE, `${messageOf(error)}.`)];
  } finally {
    storage?.close();
  }
  return [ok(FILE_STORAGE, `a file can be written, read and removed in ${describeStorage(settings)}`)];
}

async function checkUrl({ storage }: Config, url: string, { withinMs, onWait }: DatabaseWait): Promise<Finding[]> {
  let isTold = false;
  const check = () =>
    checkDatabase(url).catch((error: unknown) => {
      if (!isTold && isDatabaseUnavailable(error)) onWait?.(messageOf(error));
      isTold = true;
      throw error;
    });
  try {
    const { findings, services } = await persist(check, { withinMs });
    if (services === 0 || storage.kind !== 'disk') return findings;
    const says = `${services === 1 ? 'another service uses' : `${services} other services use`} this database: all of them need the same folder of files, by a file system that they share, or the same bucket (STORAGE_URL).`;
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
