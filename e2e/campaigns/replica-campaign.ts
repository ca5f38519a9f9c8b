// R13: three services on one database. The leading one is paused, cut off from it, killed or stopped, also with a follower,
// all are restarted one after the other; now and then the leading one sleeps for a minute with its leases held, while the strikes
// go on among the others. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Campaign, type Scene } from './campaign.ts';
import { waitUntil } from './child-process.ts';
import type { LineFault } from './line.ts';
import { followRoles, LEADS_WITHIN_MS, type Roles } from './roles.ts';
import type { Service } from './service.ts';

const REPLICAS = 3;
/** A follower takes over after about 1.3 s of silence. */
const PAUSES_MS: readonly [number, number] = [600, 4_000];
const IS_FOLLOWED_AFTER_MS = 2_500;
const LONG_PAUSE_MS = 60_000;
const LONG_PAUSE_EVERY = 20;
const TAKES_OVER_WITHIN_MS = 10_000;
/** Those that strikes may still stop; a service starts in a few seconds. */
const LEAST_AWAKE = 2;
/** One that wakes up learns with its next beat that it was replaced. */
const KNOWS_BETTER_WITHIN_MS = 3_000;

const WAYS = [
  ...(['pause', 'pause', 'cut off', 'cut off', 'kill', 'kill', 'stop'] as const),
  ...(['pause two', 'kill two', 'rolling restart'] as const),
] as const;
type Way = (typeof WAYS)[number];
const CUTS: readonly [LineFault, ...LineFault[]] = [
  { kind: 'cut' },
  { kind: 'one-way', lost: 'up' },
  { kind: 'one-way', lost: 'down' },
];

export const R13: Campaign = {
  what: 'three replicas: the brain is paused (also for a minute, leases held), cut off, killed or stopped, alone or with another; rolling restarts',
  stage: () => ({ setUp: 'fixed', backEndCount: 4, replicas: REPLICAS, serviceMs: 30, edges: ['database'] }),
  callers: 30,
  pollMs: 500,
  hasWebhooks: true,
  kinds: ['plain', 'plain', 'media', 'plain', 'large'],
  async play(scene) {
    const { random, tries, tell } = scene;
    const strikes: Record<string, number> = {};
    const tookOverMs: number[] = [];
    const count = (name: string) => {
      strikes[name] = (strikes[name] ?? 0) + 1;
    };
    const roles = followRoles(scene.stage.services);
    let sleeper: Sleeper | undefined;
    for (let n = 1; n <= tries; n += 1) {
      await sleep(random.between(100, 600));
      const awake = await untilEnoughAwake(scene, sleeper);
      const brain = await roles.untilLed(awake);
      const isLong = n % LONG_PAUSE_EVERY === Math.floor(LONG_PAUSE_EVERY / 2) && sleeper?.isAsleep !== true;
      if (isLong) sleeper = putToSleep(brain);
      const name = isLong ? 'pause of 60 s' : random.pick(WAYS);
      const others = awake.filter((service) => service !== brain);
      const ms = isLong
        ? await roles.untilOneLeads(others, performance.now())
        : await strike({ way: name as Way, forMs: random.between(...PAUSES_MS) }, { scene, brain, others, roles });
      if (ms !== undefined) tookOverMs.push(ms);
      count(sleeper?.isAsleep === true && !isLong ? `${name}, while a third sleeps` : name);
      tell(`${n}/${tries} ${name}${ms === undefined ? '' : `, taken over after ${Math.round(ms)} ms`}`);
    }
    await sleeper?.woke;
    const { severalMs } = await roles.stop();
    const measures = [
      ...bounded('the way to the next brain', tookOverMs, TAKES_OVER_WITHIN_MS),
      ...bounded('the belief of a replaced brain', severalMs, KNOWS_BETTER_WITHIN_MS),
    ];
    const times = { 'takes over': tookOverMs, 'two said they lead': severalMs };
    return { strikes, times, circumstances: { measures } };
  },
};

interface Sleeper {
  readonly service: Service;
  isAsleep: boolean;
  readonly woke: Promise<void>;
}

function putToSleep(service: Service): Sleeper {
  const sleeper = {
    service,
    isAsleep: true,
    woke: service.pause(LONG_PAUSE_MS).then(() => {
      sleeper.isAsleep = false;
    }),
  };
  return sleeper;
}

/** All that do not sleep, once enough of them are ready. */
async function untilEnoughAwake({ stage }: Scene, sleeper: Sleeper | undefined): Promise<Service[]> {
  const awake = stage.services.filter((service) => sleeper?.isAsleep !== true || service !== sleeper.service);
  await waitUntil(async () => {
    const ready = await Promise.all(awake.map((service) => service.isReady()));
    return ready.filter(Boolean).length >= LEAST_AWAKE;
  }, LEADS_WITHIN_MS);
  return awake;
}

interface Cast {
  readonly scene: Scene;
  readonly brain: Service;
  readonly others: readonly Service[];
  readonly roles: Roles;
}

/** Milliseconds until another one led, where one had to. */
async function strike(
  { way, forMs }: { way: Way; forMs: number },
  { scene, brain, others, roles }: Cast,
): Promise<number | undefined> {
  const from = performance.now();
  const [another] = others;
  switch (way) {
    case 'pause': {
      const paused = brain.pause(forMs);
      const tookOver = forMs > IS_FOLLOWED_AFTER_MS ? await roles.untilOneLeads(others, from) : undefined;
      await paused;
      return tookOver;
    }
    case 'cut off': {
      const line = scene.stage.lines.database[scene.stage.services.indexOf(brain)];
      line?.misbehave(scene.random.pick(CUTS));
      const [tookOver] = await Promise.all([
        forMs > IS_FOLLOWED_AFTER_MS ? roles.untilOneLeads(others, from) : undefined,
        sleep(forMs),
      ]);
      line?.heal();
      return tookOver;
    }
    case 'pause two':
      await Promise.all([brain.pause(forMs), another?.pause(forMs * 0.9)]);
      return undefined;
    case 'kill':
      await brain.killForGood();
      return await roles.untilOneLeads(others, from).finally(() => brain.start());
    case 'kill two':
      await Promise.all([brain.kill(), another?.kill()]);
      return undefined;
    case 'stop': {
      // It hands over before it ends.
      const [tookOver] = await Promise.all([roles.untilOneLeads(others, from), brain.terminate()]);
      brain.start();
      return tookOver;
    }
    case 'rolling restart':
      for (const service of [brain, ...others]) {
        await service.terminate();
        service.start();
        await service.whenReady();
      }
      return undefined;
  }
}
