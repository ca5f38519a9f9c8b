// What is kept on disk of each process that was started as an instance, so that the next start of the service knows it
// again: <data>/instances/<id>.json, with its log and its folder beside it. Called by process.ts.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceSpec } from '../provider.ts';

export interface ProcessRecord {
  readonly spec: InstanceSpec;
  readonly pid: number;
  /** os-process.ts: a later process may have its id. */
  readonly identity: string;
  readonly port: number;
  readonly gpu: string | undefined;
  readonly hasBaseDir: boolean;
}

export type ProcessRecords = ReturnType<typeof createProcessRecords>;

export function createProcessRecords(dataDir: string) {
  const dir = join(dataDir, 'instances');
  const pathOf = (id: string) => join(dir, `${id}.json`);
  return {
    dir,
    logOf: (id: string) => join(dir, `${id}.log`),
    baseDirOf: (id: string) => join(dir, id),
    /** Before the process exists: it carries the id, so it can be found whenever the service dies. */
    announce(id: string): void {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      writeFileSync(pathOf(id), '', { mode: 0o600 });
    },
    write: (record: ProcessRecord) => writeFileSync(pathOf(record.spec.id), JSON.stringify(record)),
    remove: (id: string) => rmSync(pathOf(id), { force: true }),
    /** `record` is undefined where it cannot be read: what is there is then nobody's. */
    list(): { id: string; record: ProcessRecord | undefined }[] {
      const names = listNames(dir).filter((name) => name.endsWith('.json'));
      return names.map((name) => ({ id: name.slice(0, -'.json'.length), record: readRecord(join(dir, name)) }));
    },
  };
}

function listNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // nothing was ever started
  }
}

function readRecord(path: string): ProcessRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as ProcessRecord;
    const { spec } = record;
    const texts = [spec.id, spec.pool, spec.accountId, spec.deploymentId, spec.sku, spec.fingerprint, record.identity];
    const numbers = [record.pid, record.port];
    const isWhole = texts.every((text) => typeof text === 'string') && numbers.every(Number.isInteger);
    return isWhole && path.endsWith(`${spec.id}.json`) ? record : undefined;
  } catch {
    return undefined;
  }
}
