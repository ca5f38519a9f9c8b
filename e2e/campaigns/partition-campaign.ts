// R8: the lines between the service and its database, its instances and its clients go bad, one kind of badness after the
// other, and heal without anybody restarting anything. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Campaign, Scene } from './campaign.ts';
import type { Line, LineFault } from './line.ts';
import type { Edge } from './lines.ts';
import type { Random } from './random.ts';

type Kind = LineFault['kind'];

const KINDS = ['cut', 'one-way', 'late', 'reset', 'slow'] as const satisfies readonly Kind[];
const EDGES = ['client', 'instance', 'database'] as const satisfies readonly Edge[];
/** How long a line stays bad. A standing line needs something to happen on it meanwhile. */
const BAD_MS: readonly [number, number] = [150, 1_500];
/** Rarely longer than the patience with an instance. */
const LONG_MS = 24_000;
const GOOD_MS: readonly [number, number] = [100, 500];
const LATE_MS = 5_000;
const SLOW_BYTES_PER_SECOND = 1_000;
/** A line on which nothing happens any more has no more strikes to give. */
const MOST_TURNS = 20;

export const R8: Campaign = {
  what: 'lines to database, instances and clients are cut, held one way, late by 5 s, reset in the middle, slow (1 kB/s)',
  stage: () => ({ setUp: 'fixed', backEndCount: 8, serviceMs: 20, edges: [...EDGES] }),
  callers: 40,
  pollMs: 250,
  kinds: ['plain', 'plain', 'media', 'plain', 'large'],
  async play(scene) {
    const strikes: Record<string, number> = {};
    // The database's line stands alone: while it is bad little else happens.
    for (const edges of [['client', 'instance'], ['database']] as const) {
      await Promise.all(edges.map((edge) => playEdge(scene, edge, strikes)));
    }
    return { strikes };
  },
};

/** `tries` of each kind on this edge, by turns over its lines. */
async function playEdge(scene: Scene, edge: Edge, strikes: Record<string, number>): Promise<void> {
  const lines = scene.stage.lines[edge];
  for (const kind of KINDS) {
    const name = `${edge}: ${kind}`;
    strikes[name] = 0;
    const playLine = async (line: Line) => {
      for (let turn = 0; turn < MOST_TURNS * scene.tries && (strikes[name] ?? 0) < scene.tries; turn += 1) {
        if (await strikeLine(scene.random, line, { edge, kind })) strikes[name] = (strikes[name] ?? 0) + 1;
      }
    };
    await Promise.all(lines.map(playLine));
    scene.tell(`${name} ${strikes[name]}`);
  }
}

/** True when the fault met something. */
async function strikeLine(random: Random, line: Line, { edge, kind }: { edge: Edge; kind: Kind }): Promise<boolean> {
  line.misbehave(drawFault(random, kind));
  const isLong = edge === 'instance' && kind === 'one-way' && random.next() < 0.03;
  await sleep(isLong ? LONG_MS : random.between(...BAD_MS));
  const met = line.heal();
  await sleep(random.between(...GOOD_MS));
  return met > 0;
}

function drawFault(random: Random, kind: Kind): LineFault {
  switch (kind) {
    case 'cut':
      return { kind };
    case 'one-way':
      return { kind, lost: random.pick(['up', 'down']) };
    case 'late':
      return { kind, ms: LATE_MS };
    case 'reset':
      return { kind, afterBytes: Math.floor(random.between(0, 200)) };
    case 'slow':
      return { kind, bytesPerSecond: SLOW_BYTES_PER_SECOND };
  }
}
