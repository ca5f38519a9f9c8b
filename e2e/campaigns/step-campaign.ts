// R2: the service kills itself at a named step, by turns once and twice in a row, while callers go on. Listed in
// campaigns.ts; the steps are in crash-points.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Campaign, Scene } from './campaign.ts';
import { CRASH_POINTS, type CrashPoint } from './crash-points.ts';
import { MIXED_KINDS } from './pictures.ts';

/** From the moment that submits are accepted. */
const CRASH_WITHIN_MS = 20_000;
/** Rounds between two lives that are let live. */
const LIVES_EVERY = 10;

interface Round {
  readonly point: CrashPoint;
  readonly isTwice: boolean;
}

export function crashAtSteps(points: readonly CrashPoint[]): Campaign {
  return {
    what: 'the service crashes at a named step, by turns once and twice in a row',
    stage: () => ({ setUp: 'fixed', backEndCount: 4 }),
    callers: 40,
    pollMs: 500,
    hasWebhooks: true,
    kinds: MIXED_KINDS,
    async play(scene) {
      const rounds = Array.from({ length: scene.tries }, (_, index) => roundOf(points, index));
      const strikes: Record<string, number> = {};
      const missed = await playRounds(scene, rounds, strikes);
      // Each has a second chance: the bar asks for so many of each step.
      const missedAgain = await playRounds(scene, missed, strikes);
      await live(scene);
      return { strikes, missed: missedAgain.length };
    },
  };
}

export const R2 = crashAtSteps(CRASH_POINTS);

function roundOf(points: readonly CrashPoint[], index: number): Round {
  const point = points[index % points.length] ?? 'before-insert';
  return { point, isTwice: index % (2 * points.length) >= points.length };
}

/** Those whose moment did not come. */
async function playRounds(scene: Scene, rounds: readonly Round[], strikes: Record<string, number>): Promise<Round[]> {
  const missed: Round[] = [];
  for (const [index, round] of rounds.entries()) {
    const { point, isTwice } = round;
    const isReached = (await crashAt(scene, point)) && (!isTwice || (await crashAt(scene, point)));
    if (isReached) strikes[point] = (strikes[point] ?? 0) + 1;
    else {
      missed.push(round);
      scene.tell(`${point} was not reached`);
    }
    if ((index + 1) % LIVES_EVERY === 0) await live(scene);
    if ((index + 1) % 30 === 0) scene.tell(`${index + 1} rounds`);
  }
  return missed;
}

/** A life in which nothing happens. */
async function live({ stage, random }: Scene): Promise<void> {
  await stage.service.kill();
  await stage.service.whenReady();
  await sleep(random.between(100, 400));
}

async function crashAt(scene: Scene, point: CrashPoint): Promise<boolean> {
  const { stage, random } = scene;
  const nudge = NUDGES[point];
  const count = 1 + Math.floor(random.between(0, mostPassings(point)));
  return await stage.service.crashAt(`${point}:${count}`, {
    withinMs: CRASH_WITHIN_MS,
    ...(nudge ? { nudge: () => nudge(scene) } : {}),
  });
}

/** What surely passes a step that the load passes only now and then; called again and again until it did. */
const NUDGES: Readonly<Partial<Record<CrashPoint, (scene: Scene) => Promise<void>>>> = {
  'before-lost': ({ stage, random }) => stage.killBackEnd(random),
  'after-lost': ({ stage, random }) => stage.killBackEnd(random),
  'before-cancel': ({ callers }) => callers.cancelOneThatRuns(),
  'after-cancel': ({ callers }) => callers.cancelOneThatRuns(),
  'before-interrupt': ({ callers }) => callers.cancelOneThatRuns(),
};

/** Each recovery passes its own steps once, and one for every request that had not ended. */
function mostPassings(point: CrashPoint): number {
  if (point === 'mid-recovery') return 2;
  return point.endsWith('-recovery') || NUDGES[point] !== undefined ? 1 : 3;
}
