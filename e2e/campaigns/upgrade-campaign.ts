// R13-upgrade: three services of the release before the last migration, on a database that they made; one after the other
// becomes this release, and goes back, and becomes it again, while the leading one is killed or stopped now and then.
// Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Campaign } from './campaign.ts';
import { buildEarlierRelease, type EarlierRelease } from './earlier-release.ts';
import { followRoles } from './roles.ts';
import type { Service } from './service.ts';

const REPLICAS = 3;
const TAKES_OVER_WITHIN_MS = 10_000;
const KILLS_SHARE = 0.4;

let earlier: EarlierRelease | undefined;

export const R13_UPGRADE: Campaign = {
  what: 'three replicas of the release before the last migration become this one by turns, and go back, brains killed meanwhile',
  stage: () => {
    earlier = buildEarlierRelease();
    const begins = earlier === undefined ? {} : { main: earlier.main };
    return { setUp: 'fixed', backEndCount: 4, replicas: REPLICAS, ...begins, clear: () => earlier?.remove() };
  },
  callers: 30,
  pollMs: 500,
  hasWebhooks: true,
  kinds: ['plain', 'plain', 'media', 'plain', 'large'],
  async play({ stage, random, tries, tell }) {
    if (earlier === undefined) return { strikes: {}, unplayed: 'no history at hand to build an earlier release from' };
    const { services } = stage;
    const strikes: Record<string, number> = {};
    const tookOverMs: number[] = [];
    const roles = followRoles(services);
    const become = async (service: Service, main: string) => {
      await service.terminate();
      service.become(main);
      service.start();
      await service.whenReady();
    };
    const count = (name: string) => {
      strikes[name] = (strikes[name] ?? 0) + 1;
      tell(name);
    };
    for (let n = 0; n < tries; n += 1) {
      await sleep(random.between(300, 1_500));
      const isForward = Math.floor(n / REPLICAS) % 2 === 0;
      const service = services[n % REPLICAS] ?? stage.service;
      await become(service, isForward ? stage.main : earlier.main);
      count(isForward ? `from ${earlier.knows} to this release` : 'back');
      if (random.next() > KILLS_SHARE) continue;
      const brain = await roles.untilLed(services);
      const from = performance.now();
      const others = services.filter((each) => each !== brain);
      await brain.killForGood();
      tookOverMs.push(await roles.untilOneLeads(others, from).finally(() => brain.start()));
      count('kill');
    }
    for (const service of services) await become(service, stage.main);
    await roles.stop();
    const measures = bounded('the way to the next brain', tookOverMs, TAKES_OVER_WITHIN_MS);
    return { strikes, times: { 'takes over': tookOverMs }, circumstances: { measures } };
  },
};
