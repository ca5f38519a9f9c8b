// R3, R4, R6, R7 and R17: back ends that misbehave. Each prompt may be struck, as the seed says; what counts is what the back
// ends wrote down. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackEnd, Faults } from './back-end.ts';
import { bounded, type Campaign, type Played, type Scene } from './campaign.ts';
import { countStrikes, readStrikes } from './evidence.ts';
import { groupBy } from './group-by.pure.ts';
import type { Submission } from './history.pure.ts';
import type { Random } from './random.ts';
import type { StageOptions } from './stage.ts';

const EIGHT: StageOptions = { setUp: 'fixed', backEndCount: 8, serviceMs: 20 };
const CRASH_AT = ['received', 'queued', 'start', 'node', 'save', 'end'] as const;
const LIES = ['noOutputs', 'missingFiles', 'finishTwice', 'otherPrompt', 'progressAfterEnd'] as const;
const CHANGES_EVERY_MS: readonly [number, number] = [300, 900];
/** Strikes that do not come any more: the rest of the campaign is called off. */
const NOTHING_FOR_MS = 90_000;
/** A reply that comes after the service has given up waiting for it. */
const BEYOND_PATIENCE_MS = 32_000;

/** Changes what the back ends do to the next prompts until so many were struck. */
async function strikeDensely(scene: Scene, draw: (random: Random) => Faults): Promise<Played> {
  const { stage, random, tries, tell } = scene;
  const { backEnds } = stage;
  const count = countStrikes(stage.executionFiles);
  let last = { count: 0, at: performance.now() };
  while (last.count < tries && performance.now() - last.at < NOTHING_FOR_MS) {
    for (const backEnd of backEnds) await backEnd.misbehave(draw(random));
    await sleep(random.between(...CHANGES_EVERY_MS));
    const now = count();
    if (Math.floor(now / 50) > Math.floor(last.count / 50)) tell(`${now} strikes`);
    if (now > last.count) last = { count: now, at: performance.now() };
  }
  await calmDown(backEnds, draw(random));
  return { strikes: countByKind(scene), missed: Math.max(0, tries - last.count) };
}

/** No new strikes; those that were armed are taken away. */
async function calmDown(backEnds: readonly BackEnd[], drawn: Faults): Promise<void> {
  const none = Object.fromEntries(Object.keys({ ...drawn, replyCut: 0, replyDelay: 0 }).map((name) => [name, null]));
  await Promise.all(backEnds.map((backEnd) => backEnd.misbehave(none)));
}

function countByKind({ stage }: Scene): Record<string, number> {
  const groups = groupBy(readStrikes(stage.executionFiles), ({ fault, how }) =>
    how === undefined ? fault : `${fault} (${how})`,
  );
  return Object.fromEntries([...groups].map(([kind, strikes]) => [kind, strikes.length]));
}

export const R3: Campaign = {
  what: 'the instance runs the prompt, and its reply to the POST is cut or late',
  stage: () => EIGHT,
  callers: 60,
  pollMs: 400,
  circumstances: { isEachRunOnce: true },
  play: (scene) =>
    strikeDensely(scene, (random) => {
      const isLate = random.next() < 0.2;
      // Rarely so late that the service does not wait for it any more.
      const ms = random.next() < 0.05 ? BEYOND_PATIENCE_MS : random.between(50, 1_500);
      const every = Math.floor(random.between(1, 4));
      return isLate ? { replyDelay: { ms, every }, replyCut: null } : { replyCut: { every }, replyDelay: null };
    }),
};

const drawCrash = (random: Random): Faults => ({
  crash: { at: random.pick(CRASH_AT), signal: 'SIGKILL', times: 1, skip: Math.floor(random.between(0, 4)) },
});

export const R4: Campaign = {
  what: 'SIGKILL of an instance as it receives, queues, starts, runs, saves or ends',
  stage: (random) => ({ ...EIGHT, nextFaults: () => drawCrash(random) }),
  callers: 60,
  pollMs: 500,
  async play(scene) {
    const { stage, tries, tell } = scene;
    const count = countStrikes(stage.executionFiles);
    let last = { count: 0, at: performance.now() };
    // Each life of a back end begins with the crash that ends it.
    while (last.count < tries && performance.now() - last.at < NOTHING_FOR_MS) {
      await sleep(500);
      const now = count();
      if (Math.floor(now / 50) > Math.floor(last.count / 50)) tell(`${now} crashes`);
      if (now > last.count) last = { count: now, at: performance.now() };
    }
    return { strikes: countByKind(scene), missed: Math.max(0, tries - last.count) };
  },
};

export const R6: Campaign = {
  what: 'the instance accepts a prompt and forgets it, or its history does, or it is restarted',
  stage: () => EIGHT,
  callers: 60,
  pollMs: 500,
  play: (scene) =>
    strikeDensely(scene, (random) => {
      const every = Math.floor(random.between(2, 5));
      const how = random.next() < 0.6 ? 'queue' : 'history';
      if (random.next() < 0.05) return { forget: null, crash: { at: 'start', signal: 'SIGKILL', times: 1 } };
      return { forget: { how, every } };
    }),
};

export const R7: Campaign = {
  what: 'the instance lies',
  stage: () => EIGHT,
  callers: 60,
  pollMs: 400,
  circumstances: { excusedCodes: [10006] },
  play: (scene) =>
    strikeDensely(scene, (random) => ({ lie: { how: random.pick(LIES), every: Math.floor(random.between(1, 4)) } })),
};

export const R17: Campaign = {
  what: 'requests that kill every instance they run on, among others that do not',
  stage: () => EIGHT,
  callers: 60,
  pollMs: 500,
  kinds: ['plain', 'plain', 'plain', 'plain', 'plain', 'poison', 'plain', 'plain', 'plain', 'plain'],
  async play(scene) {
    const { stage, tries, tell, callers } = scene;
    const from = Date.now();
    const count = countStrikes(stage.executionFiles);
    for (let told = 0; count() < tries; ) {
      await sleep(500);
      if (Math.floor(count() / 25) <= told) continue;
      told = Math.floor(count() / 25);
      tell(`${count()} instances killed`);
    }
    const poison = callers.submissions.filter(({ kind }) => kind === 'poison');
    const pauses = listPauses(callers.submissions, from);
    return {
      strikes: { ...countByKind(scene), 'poison requests': poison.length },
      times: { 'another ended': pauses },
      circumstances: { measures: bounded('the way to the next end of another', pauses, FLOWS_WITHIN_MS) },
    };
  },
};

const FLOWS_WITHIN_MS = 10_000;

/** Between the ends of requests that are no poison, as their callers heard of them. */
function listPauses(submissions: readonly Submission[], from: number): number[] {
  const ends = submissions
    .filter(({ kind }) => kind !== 'poison')
    .flatMap(({ observations }) => observations.find(({ kind }) => kind === 'ended')?.at ?? []);
  const times = [from, ...ends, Date.now()].sort((a, b) => a - b);
  return times.slice(1).map((at, index) => at - (times[index] ?? at));
}
