// R8: the lines between the service and its database, its instances, its object store and its clients go bad, one kind of
// badness after the other, all of them at once or one edge alone, and heal without anybody restarting anything. Listed in
// campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type Campaign, type Scene } from './campaign.ts';
import { readDatabase } from './final-rows.ts';
import type { PictureKind, Standstill } from './history.pure.ts';
import type { Line, LineFault } from './line.ts';
import { EDGES, type Edge } from './lines.ts';
import type { Random } from './random.ts';
import { watchPrompts } from './witness.ts';

const KINDS = ['cut', 'one-way up', 'one-way down', 'late', 'reset', 'slow'] as const;
type Kind = (typeof KINDS)[number];

/** How long a line stays bad. A standing line needs something to happen on it meanwhile. */
const BAD_MS: readonly [number, number] = [150, 1_500];
const GOOD_MS: readonly [number, number] = [100, 500];
/** Of an edge that has one line only, and few moments in which much happens on it. */
const ALONE_BAD_MS: readonly [number, number] = [100, 800];
const ALONE_GOOD_MS: readonly [number, number] = [50, 300];
/** Now and then a line stands for longer than most patience lasts. */
const LONG_MS: readonly [number, number] = [5_000, 24_000];
const LONG_SHARE = 0.03;
const LATE_MS = 5_000;
const SLOW_BYTES_PER_SECOND = 1_000;
/** In the middle of a head, or of a body. */
const RESETS_AFTER: readonly [head: number, body: number] = [200, 20_000];
/** A line on which nothing happens any more has no more strikes to give. */
const MOST_TURNS = 20;
/** From the end of one kind of badness until a submit is accepted; a late line stays late for 5 s. */
const ACCEPTS_WITHIN_MS = 10_000;

/** What goes over the object store's line are large files and pictures that come with a request. */
const PICTURES: Readonly<Record<Edge, readonly PictureKind[]>> = {
  client: ['plain', 'plain', 'media', 'plain', 'large'],
  instance: ['plain', 'plain', 'media', 'plain', 'large'],
  database: ['plain', 'plain', 'media', 'plain', 'large'],
  storage: ['large', 'media', 'large', 'plain'],
};

function partition(edges: readonly Edge[], what: string): Campaign {
  return {
    what: `${what} cut, held one way each direction, late by 5 s, reset in the middle, slow (1 kB/s)`,
    stage: () => ({ setUp: 'fixed', backEndCount: 8, serviceMs: 20, edges }),
    callers: 40,
    pollMs: 250,
    hasWebhooks: true,
    kinds: [...new Set(edges)].flatMap((edge) => PICTURES[edge]),
    async play(scene) {
      const strikes: Record<string, number> = {};
      const acceptedMs: number[] = [];
      const badTimes: BadTime[] = [];
      const sendings = watchPrompts(scene.stage.lines.instance);
      await Promise.all(edges.map((edge) => playEdge(scene, edge, { strikes, acceptedMs, badTimes })));
      // With all edges at once another one is bad meanwhile.
      const measures = edges.length > 1 ? [] : bounded('the next accepted submit', acceptedMs, ACCEPTS_WITHIN_MS);
      const standstills = await nameInstances(scene, badTimes);
      return { strikes, times: { 'accepts again': acceptedMs }, circumstances: { measures, sendings, standstills } };
    },
  };
}

interface Tally {
  readonly strikes: Record<string, number>;
  readonly acceptedMs: number[];
  readonly badTimes: BadTime[];
}

/** For an instance its bad line is a standstill: what was on its way arrives when the line is good again. */
interface BadTime {
  readonly port: number;
  readonly from: number;
  readonly until: number;
}

async function nameInstances({ stage }: Scene, badTimes: readonly BadTime[]): Promise<Standstill[]> {
  const { instances } = await readDatabase(stage.database);
  return badTimes.flatMap(({ port, from, until }) =>
    instances.filter(({ address }) => address.endsWith(`:${port}`)).map(({ id }) => ({ instanceId: id, from, until })),
  );
}

/** `tries` of each kind on this edge, by turns over its lines. */
async function playEdge(scene: Scene, edge: Edge, { strikes, acceptedMs, badTimes }: Tally): Promise<void> {
  const lines = scene.stage.lines[edge];
  for (const kind of KINDS) {
    const name = `${edge}: ${kind}`;
    strikes[name] = 0;
    const playLine = async (line: Line) => {
      for (let turn = 0; turn < MOST_TURNS * scene.tries && (strikes[name] ?? 0) < scene.tries; turn += 1) {
        const from = Date.now();
        if (await strikeLine(scene.random, line, { kind, isAlone: lines.length === 1 }))
          strikes[name] = (strikes[name] ?? 0) + 1;
        badTimes.push({ port: line.port, from, until: Date.now() + LATE_MS });
      }
    };
    await Promise.all(lines.map(playLine));
    acceptedMs.push(await scene.callers.submitOne());
    scene.tell(`${name} ${strikes[name]}, accepted again after ${Math.round(acceptedMs.at(-1) ?? 0)} ms`);
  }
}

/** True when the fault met something. */
async function strikeLine(
  random: Random,
  line: Line,
  { kind, isAlone }: { kind: Kind; isAlone: boolean },
): Promise<boolean> {
  line.misbehave(drawFault(random, kind));
  const isLong = random.next() < LONG_SHARE;
  const badMs = isAlone ? ALONE_BAD_MS : BAD_MS;
  await sleep(random.between(...(isLong ? LONG_MS : badMs)));
  const met = line.heal();
  await sleep(random.between(...(isAlone ? ALONE_GOOD_MS : GOOD_MS)));
  return met > 0;
}

function drawFault(random: Random, kind: Kind): LineFault {
  switch (kind) {
    case 'cut':
      return { kind };
    case 'one-way up':
      return { kind: 'one-way', lost: 'up' };
    case 'one-way down':
      return { kind: 'one-way', lost: 'down' };
    case 'late':
      return { kind, ms: LATE_MS };
    case 'reset': {
      const afterBytes = Math.floor(random.between(0, random.pick(RESETS_AFTER)));
      return { kind, of: random.pick(['up', 'down']), afterBytes };
    }
    case 'slow':
      return { kind, bytesPerSecond: SLOW_BYTES_PER_SECOND };
  }
}

export const R8 = partition(EDGES, 'lines to clients, instances, database and object store, all at once, are');
export const R8_CLIENT = partition(['client'], 'lines to clients are');
export const R8_INSTANCE = partition(['instance'], 'lines to instances are');
export const R8_DATABASE = partition(['database'], 'the line to the database is');
export const R8_STORAGE = partition(['storage'], 'the line to the object store is');
