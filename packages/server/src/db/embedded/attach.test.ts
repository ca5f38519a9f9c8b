import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { attachToServer } from './attach.ts';
import { prepareBinaries } from './binaries.ts';
import { ensureCluster } from './cluster.ts';
import { chooseSystemUser } from './system-user.ts';

const quietly = <T>(look: () => T): T | undefined => {
  try {
    return look();
  } catch {
    return undefined;
  }
};

/** Processes that were started on the cluster or in it, also ones that have written no pid file yet. */
function processesOf(clusterDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const isInIt = quietly(() => readlinkSync(`/proc/${pid}/cwd`)) === clusterDir;
      return isInIt || quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.includes(clusterDir);
    });
}

test.runIf(process.platform === 'linux')('a start that is called off takes the server with it', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-attach-'));
  const dir = join(dataDir, 'postgres');
  const user = chooseSystemUser(dir);
  // The checkout may lie where the server's user cannot read it.
  const copies = mkdtempSync(join(tmpdir(), 'comfleet-binaries-'));
  chmodSync(copies, 0o755);
  const cluster = { dir, user, binaries: await prepareBinaries({ user, copyDirs: [copies] }) };
  await ensureCluster(cluster);
  const calledOff = new AbortController();
  const attached = attachToServer({
    cluster,
    host: dir,
    logPath: join(dataDir, 'postgres.log'),
    log: { warn: () => {} },
    patience: 'forever',
    signal: calledOff.signal,
  });
  calledOff.abort();
  await expect(attached).rejects.toThrow('stopped while the database was starting');
  await until('no process is left', () => processesOf(dir).length === 0);
  rmSync(dataDir, { recursive: true, force: true });
  rmSync(copies, { recursive: true, force: true });
});
