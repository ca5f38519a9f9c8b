// R13: three services on one database, of which the leading one is paused, killed, stopped or cut off, two are paused at
// once, and all are restarted one after the other. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Campaign, type Scene } from './campaign.ts';
import { waitUntil } from './child-process.ts';
import type { Service } from './service.ts';

const REPLICAS = 3;
/** A follower takes over after about 1.3 s of silence. */
const PAUSES_MS: readonly [number, number] = [800, 5_000];
const LONG_PAUSE_MS = 60_000;
const LEADS_WITHIN_MS = 30_000;
const TAKES_OVER_WITHIN_MS = 10_000;

const WAYS = ['pause', 'pause', 'kill', 'stop', 'pause two', 'rolling restart'] as const;
type Way = (typeof WAYS)[number];

export const R13: Campaign = {
  what: 'three replicas: the brain is paused beyond its lease, killed or stopped; two at once; a rolling restart',
  stage: () => ({ setUp: 'fixed', backEndCount: 4, replicas: REPLICAS, serviceMs: 30 }),
  callers: 60,
  pollMs: 500,
  hasWebhooks: true,
  kinds: ['plain', 'plain', 'media', 'plain', 'large'],
  async play(scene) {
    const { random, tries, tell } = scene;
    const strikes: Record<string, number> = {};
    const tookOverMs: number[] = [];
    for (let n = 1; n <= tries; n += 1) {
      await sleep(random.between(300, 1_200));
      const brain = await findBrain(scene);
      // One pause of a full minute, in the middle of a campaign that is long enough for it.
      const isLong = tries >= 50 && n === Math.floor(tries / 2);
      const way: Way = isLong ? 'pause' : random.pick(WAYS);
      const ms = await strike(
        scene,
        brain,
        isLong ? { way, ms: LONG_PAUSE_MS } : { way, ms: random.between(...PAUSES_MS) },
      );
      if (ms !== undefined) tookOverMs.push(ms);
      const name = isLong ? 'pause of 60 s' : way;
      strikes[name] = (strikes[name] ?? 0) + 1;
      tell(`${n}/${tries} ${name}${ms === undefined ? '' : `, taken over after ${Math.round(ms)} ms`}`);
    }
    const measures = bounded('the way to the next brain', tookOverMs, TAKES_OVER_WITHIN_MS);
    return { strikes, times: { 'takes over': tookOverMs }, circumstances: { measures } };
  },
};

/** Milliseconds until another one led, where one had to. */
async function strike(
  scene: Scene,
  brain: Service,
  { way, ms }: { way: Way; ms: number },
): Promise<number | undefined> {
  const { services } = scene.stage;
  const from = performance.now();
  switch (way) {
    case 'pause': {
      const paused = brain.pause(ms);
      const tookOver = ms > 3_000 ? await untilLedByAnother(scene, brain, from) : undefined;
      await paused;
      return tookOver;
    }
    case 'pause two': {
      const other = services.find((service) => service !== brain);
      await Promise.all([brain.pause(ms), other?.pause(ms * 0.9)]);
      return undefined;
    }
    case 'kill':
      await brain.killForGood();
      return await untilLedByAnother(scene, brain, from).finally(() => brain.start());
    case 'stop':
      await brain.terminate();
      return await untilLedByAnother(scene, brain, from).finally(() => brain.start());
    case 'rolling restart':
      for (const service of services) {
        await service.terminate();
        service.start();
        await service.whenReady();
      }
      return undefined;
  }
}

async function untilLedByAnother(scene: Scene, old: Service, from: number): Promise<number> {
  const others = scene.stage.services.filter((service) => service !== old);
  const found = await waitUntil(async () => (await roles(others)).includes('brain'), LEADS_WITHIN_MS);
  return found === undefined ? LEADS_WITHIN_MS : performance.now() - from;
}

async function findBrain({ stage }: Scene): Promise<Service> {
  let brain: Service | undefined;
  await waitUntil(async () => {
    const found = await roles(stage.services);
    brain = stage.services[found.indexOf('brain')];
    return brain !== undefined;
  }, LEADS_WITHIN_MS);
  if (brain === undefined) throw new Error(`no replica led within ${LEADS_WITHIN_MS / 1000} s`);
  return brain;
}

function roles(services: readonly Service[]): Promise<(string | undefined)[]> {
  return Promise.all(
    services.map(async ({ baseUrl }) => {
      try {
        const reply = await fetch(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(500) });
        return String(((await reply.json()) as { role?: string }).role);
      } catch {
        return undefined; // paused, or not there
      }
    }),
  );
}
