// R10: a disk is full again and again, and has room again: the one with everything, with files and logs, with the files
// alone, or with logs and temporary files alone. Needs a file system of its own, which only root may mount. Listed in
// campaigns.ts.
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from './call-api.ts';
import { bounded, type Campaign, type Scene } from './campaign.ts';
import type { PictureKind, Submission } from './history.pure.ts';
import { bodyOf } from './pictures.ts';
import type { StageOptions } from './stage.ts';

const SIZE = '256m';
const FULL_MS: readonly [number, number] = [500, 5_000];
const ROOM_MS: readonly [number, number] = [500, 3_000];
const FILL_EVERY_MS = 50;
const ACCEPTS_WITHIN_MS = 3_000;
const PIECE = Buffer.alloc(64 * 1024);
const NO_ROOM = 503001;

interface Disk {
  /** Below the data directory. */
  readonly at: string;
  readonly stage: Partial<StageOptions>;
  /** Of a submit while it is full, by whether it brings a picture, which has to be kept in a file. */
  readonly expects: Readonly<Record<'plain' | 'media', 'accepted' | 'refused' | 'either'>>;
}

const LOGS = 'logs';
const FILES = 'only-files';
const logsIn = (dataDir: string) => join(dataDir, LOGS);

function mount(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', dir], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a small file system could not be mounted (are you root?): ${stderr}`);
}

function campaign(disk: Disk, what: string): Campaign {
  return {
    what: `${what}, and has room again`,
    stage: () => ({
      ...{ setUp: 'fixed', backEndCount: 4, logsIn, ...disk.stage },
      prepare(dataDir) {
        mount(join(dataDir, disk.at));
        mkdirSync(logsIn(dataDir), { recursive: true });
      },
      clear(dataDir) {
        cpSync(logsIn(dataDir), join(dataDir, '..', LOGS), { recursive: true });
        spawnSync('umount', ['--lazy', join(dataDir, disk.at)]);
      },
    }),
    callers: 40,
    pollMs: 500,
    hasWebhooks: true,
    kinds: ['plain', 'large', 'media', 'plain'],
    play: (scene) => play(scene, disk),
  };
}

async function play(scene: Scene, disk: Disk) {
  const { random, tries, tell, callers } = scene;
  const acceptedMs: number[] = [];
  const complaints: string[] = [];
  const answers: Record<string, number> = {};
  for (let n = 1; n <= tries; n += 1) {
    await sleep(random.between(...ROOM_MS));
    await fillFor(scene, disk, { ms: random.between(...FULL_MS), answers, complaints });
    acceptedMs.push(await callers.submitOne());
    tell(`full and emptied ${n} times; meanwhile ${JSON.stringify(answers)}`);
  }
  return {
    strikes: { 'full disk': tries, ...answers },
    times: { 'accepts again': acceptedMs },
    circumstances: { complaints, measures: bounded('the next accepted submit', acceptedMs, ACCEPTS_WITHIN_MS) },
  };
}

interface Heard {
  readonly answers: Record<string, number>;
  readonly complaints: string[];
}

/** Whatever room comes up meanwhile is taken as well. */
async function fillFor(scene: Scene, disk: Disk, { ms, ...heard }: Heard & { ms: number }): Promise<void> {
  const path = join(scene.stage.dataDir, disk.at, 'filler');
  const fd = openSync(path, 'w');
  try {
    fill(fd);
    const isOver = { value: false };
    const asking = askWhileFull(scene, disk, heard).finally(() => {
      isOver.value = true;
    });
    const until = performance.now() + ms;
    for (; performance.now() < until || !isOver.value; await sleep(FILL_EVERY_MS)) fill(fd);
    await asking;
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

async function askWhileFull(scene: Scene, disk: Disk, { answers, complaints }: Heard): Promise<void> {
  for (const kind of ['plain', 'media'] as const) {
    const [said, what] = await submit(scene, kind);
    const name = `${kind} ${said}`;
    answers[name] = (answers[name] ?? 0) + 1;
    if (said === 'without an answer' || said === disk.expects[kind]) continue;
    if (disk.expects[kind] === 'either' && said !== 'answered wrongly') continue;
    complaints.push(`a submit (${kind}) while the disk was full was ${said}: ${what}`);
  }
}

async function submit({ callers, targets, nextColour }: Scene, kind: PictureKind): Promise<[string, string]> {
  const [target] = targets;
  const colour = nextColour();
  const body = JSON.stringify(bodyOf(kind, colour));
  const answer = await callApi(target, `/deployments/${target.deploymentId}/inference`, { method: 'POST', body });
  if (answer.kind === 'none') return ['without an answer', ''];
  const { status, text, retryAfter } = answer;
  if (status === 200) {
    const acknowledged = [String(answer.body['request_id'])];
    const { account } = target;
    const submission: Submission = { colour, account, kind, acknowledged, idempotencyKey: undefined, observations: [] };
    callers.adopt(submission);
    return ['accepted', ''];
  }
  const isRight = status === 503 && text.includes(String(NO_ROOM)) && Number(retryAfter) > 0;
  return [isRight ? 'refused' : 'answered wrongly', `${status} ${text}, retry after ${retryAfter}`];
}

export const R10 = campaign(
  { at: '', stage: {}, expects: { plain: 'either', media: 'either' } },
  'the disk with database, files and logs is full',
);
export const R10_FILES = campaign(
  { at: '', stage: { edges: ['database'] }, expects: { plain: 'accepted', media: 'refused' } },
  'the disk with files and logs is full, the database is elsewhere',
);
export const R10_OUTPUTS = campaign(
  { at: FILES, stage: { env: { STORAGE_URL: `file:${FILES}` } }, expects: { plain: 'accepted', media: 'refused' } },
  'the disk with the files alone is full',
);
export const R10_LOGS = campaign(
  { at: LOGS, stage: {}, expects: { plain: 'accepted', media: 'accepted' } },
  'the disk with logs and temporary files alone is full',
);
