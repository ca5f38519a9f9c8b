// R1: the service is killed at random moments; and the mixed campaign, which kills and stops
// everything there is. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Campaign, type Scene } from './campaign.ts';
import { waitUntil } from './child-process.ts';
import { MIXED_KINDS } from './pictures.ts';
import { killPid, type SetUp } from './stage.ts';
import { pauseProcesses } from './standstill.ts';

const ACCEPTS_WITHIN_MS = 3_000;

/** From now on until a submit is acknowledged. */
async function untilAccepted({ callers }: Scene): Promise<number> {
  return await callers.submitOne();
}

export const R1: Campaign = {
  what: 'kill -9 of the service, 200 requests in flight over 8 instances',
  stage: () => ({ setUp: 'fixed', backEndCount: 8 }),
  callers: 200,
  pollMs: 1_000,
  hasWebhooks: true,
  kinds: MIXED_KINDS,
  async play(scene) {
    const { stage, random, tries, tell } = scene;
    const acceptedMs: number[] = [];
    for (let kill = 1; kill <= tries; kill += 1) {
      await sleep(random.between(50, 1_500));
      await stage.service.kill();
      // One in four is killed again while it starts.
      if (random.next() < 0.25 && kill < tries) continue;
      acceptedMs.push(await untilAccepted(scene));
      if (kill % 20 === 0)
        tell(`${kill} kills, the last accepted again after ${Math.round(acceptedMs.at(-1) ?? 0)} ms`);
    }
    return {
      strikes: { 'kill -9': tries },
      times: { 'accepts again': acceptedMs },
      circumstances: { measures: bounded('the way to the next accepted submit', acceptedMs, ACCEPTS_WITHIN_MS) },
    };
  },
};

const VICTIMS = [
  'service',
  'database',
  'back end',
  'service and database',
  'service stands still',
  'database stands still',
] as const;
export type Victim = (typeof VICTIMS)[number];

const STANDS_STILL_MS: readonly [number, number] = [500, 12_000];

export function mixed(setUp: SetUp, victims: readonly [Victim, ...Victim[]] = VICTIMS, longestMs = STANDS_STILL_MS[1]) {
  return {
    what: `kill -9 and SIGSTOP of service, database and back ends (${setUp})`,
    stage: () => ({ setUp }),
    callers: 50,
    pollMs: 500,
    hasWebhooks: true,
    kinds: MIXED_KINDS,
    async play(scene) {
      const { stage, random, tries, tell } = scene;
      const strikes: Record<string, number> = {};
      for (let kill = 1; kill <= tries; kill += 1) {
        await sleep(random.between(50, 1_500));
        // Most hit a service that is up; some hit one that is still starting.
        if (random.next() < 0.75) await stage.service.whenReady();
        const victim = random.pick(victims);
        tell(`${kill}/${tries} ${victim}`);
        await strike(scene, victim, longestMs);
        strikes[victim] = (strikes[victim] ?? 0) + 1;
      }
      return { strikes };
    },
  } satisfies Campaign;
}

async function strike({ stage, random }: Scene, victim: Victim, longestMs: number): Promise<void> {
  const { service } = stage;
  switch (victim) {
    case 'service':
      return await service.kill();
    case 'database':
      return killPid(stage.databasePid());
    case 'service and database':
      killPid(stage.databasePid());
      return await service.kill();
    case 'back end':
      return await stage.killBackEnd(random);
    case 'service stands still':
      return await service.pause(random.between(STANDS_STILL_MS[0], longestMs));
    case 'database stands still':
      await waitUntil(() => stage.databasePid() !== undefined, 5_000);
      return await pauseProcesses(stage.databasePid(), random.between(STANDS_STILL_MS[0], longestMs));
  }
}
