// R10: the disk under the data directory is full again and again, with the database on it or without, and then has room
// again. Needs a file system of its own, which only root may mount. Listed in campaigns.ts.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Campaign, Scene } from './campaign.ts';

const SIZE = '256m';
const FULL_MS: readonly [number, number] = [500, 5_000];
const ROOM_MS: readonly [number, number] = [500, 3_000];
const PIECE = Buffer.alloc(64 * 1024);
/** An output that cannot be stored may be said to be so. */
const NOT_STORED = 10006;

function mount(dataDir: string): void {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', dataDir], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a small file system could not be mounted (are you root?): ${stderr}`);
}

function campaign(edges: readonly 'database'[], what: string): Campaign {
  return {
    what,
    stage: () => ({
      ...{ setUp: 'fixed', backEndCount: 4, prepare: mount, edges },
      clear: (dataDir) => void spawnSync('umount', ['--lazy', dataDir]),
    }),
    callers: 40,
    pollMs: 500,
    hasWebhooks: true,
    kinds: ['plain', 'large', 'media', 'plain'],
    circumstances: { excusedCodes: [NOT_STORED] },
    async play(scene) {
      for (let n = 1; n <= scene.tries; n += 1) {
        await sleep(scene.random.between(...ROOM_MS));
        await fillFor(scene, scene.random.between(...FULL_MS));
        scene.tell(`full and emptied ${n} times`);
      }
      return { strikes: { 'full disk': scene.tries } };
    },
  };
}

/** Whatever room comes up meanwhile is taken as well. */
async function fillFor({ stage }: Scene, ms: number): Promise<void> {
  const path = join(stage.dataDir, 'filler');
  const fd = openSync(path, 'w');
  try {
    for (const until = performance.now() + ms; performance.now() < until; await sleep(50)) fill(fd);
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}

function fill(fd: number): void {
  for (const size of [PIECE.length, 4096, 1]) {
    try {
      while (writeSync(fd, PIECE, 0, size) === size);
    } catch {
      // Full, as it should be.
    }
  }
}

export const R10 = campaign([], 'the disk with database, files and logs of instances is full, and has room again');
export const R10_FILES = campaign(['database'], 'the disk with the files is full, the database is elsewhere');
