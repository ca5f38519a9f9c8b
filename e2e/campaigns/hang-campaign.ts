// R5: back ends that hang. All of them are struck by turns, each on its own, so that standstills overlap; what is measured
// is how soon each is given nothing more, and how soon what it had is given up. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackEnd } from './back-end.ts';
import { callApi } from './call-api.ts';
import { bounded, type Campaign, type Played, type Scene } from './campaign.ts';
import { countStrikes, readStrikes } from './evidence.ts';
import { readDatabase } from './final-rows.ts';
import type { Attempt, Sending, Standstill, Strike } from './history.pure.ts';
import type { Random } from './random.ts';
import { watchPrompts } from './witness.ts';

const NOTICED_WITHIN_MS = 30_000;
/** A standstill that is noticed for certain, and one that goes by. */
const BEYOND_PATIENCE_MS: readonly [number, number] = [NOTICED_WITHIN_MS + 2_000, NOTICED_WITHIN_MS + 6_000];
const STANDSTILL_MS: readonly [number, number] = [500, 15_000];
/** Some longer than a silence that makes the service ask. */
const SILENT_MS: readonly [number, number] = [500, 12_000];
const BETWEEN_MS: readonly [number, number] = [500, 3_000];
/** The next prompt kills the worker; where none comes, nothing struck. */
const STRUCK_WITHIN_MS = 20_000;
const LOOK_MS = 100;

type Kind = 'silent websocket' | 'dead worker' | 'standstill' | 'standstill beyond patience';
type Kinds = readonly [Kind, ...Kind[]];
const KINDS: Kinds = [
  ...(['silent websocket', 'silent websocket', 'dead worker', 'dead worker', 'standstill', 'standstill'] as const),
  ...([
    'standstill',
    'standstill beyond patience',
    'standstill beyond patience',
    'standstill beyond patience',
  ] as const),
];

interface Hanging {
  readonly scene: Scene;
  readonly backEnd: BackEnd;
  readonly instanceId: string;
  /** Milliseconds until it was given nothing more, by kind. */
  readonly noticed: Record<string, number[]>;
  readonly standstills: Standstill[];
}

const hangs = (kinds: Kinds): Campaign => ({
  what: 'an instance stands still (SIGSTOP, SIGCONT), its worker is dead, or its websocket falls silent',
  stage: () => ({ setUp: 'fixed', backEndCount: 8, serviceMs: 20, edges: ['instance'] }),
  callers: 40,
  pollMs: 500,
  async play(scene) {
    const { stage, random, tries, tell } = scene;
    const sendings = watchPrompts(stage.lines.instance);
    const ids = await readInstanceIds(scene);
    const strikes: Record<string, number> = {};
    const noticed: Record<string, number[]> = { standstill: [], 'dead worker': [] };
    const standstills: Standstill[] = [];
    let begun = 0;
    const playOn = async (backEnd: BackEnd, index: number) => {
      while (begun < tries) {
        begun += 1;
        await sleep(random.between(...BETWEEN_MS));
        const kind = random.pick(kinds);
        if (await hang({ scene, backEnd, instanceId: ids[index] ?? '', noticed, standstills }, kind)) {
          strikes[kind] = (strikes[kind] ?? 0) + 1;
          tell(`${begun}/${tries} ${backEnd.url} ${kind}`);
        } else begun -= 1;
      }
    };
    await Promise.all(stage.backEnds.map(playOn));
    return { strikes, ...(await measure(scene, { noticed, standstills, sendings })) };
  },
});

export const R5 = hangs(KINDS);
/** In less time: none of them is beyond patience. */
export const SHORT_HANGS = hangs(['silent websocket', 'dead worker', 'standstill']);

/** False: nothing was struck. */
async function hang(hanging: Hanging, kind: Kind): Promise<boolean> {
  const { scene, backEnd } = hanging;
  const { random } = scene;
  if (kind === 'silent websocket') return await silence(backEnd, random);
  if (kind === 'dead worker') return await killWorker(hanging);
  const isLong = kind === 'standstill beyond patience';
  const forMs = isLong ? random.between(...BEYOND_PATIENCE_MS) : random.between(...STANDSTILL_MS);
  const from = Date.now();
  const looking = isLong ? noteNotice(hanging, 'standstill', from) : undefined;
  await backEnd.freeze(forMs);
  hanging.standstills.push({ instanceId: hanging.instanceId, from, until: Date.now() });
  await looking;
  return true;
}

async function silence(backEnd: BackEnd, random: Random): Promise<boolean> {
  await backEnd.misbehave({ websocket: { silent: true } });
  await sleep(random.between(...SILENT_MS));
  await backEnd.misbehave({ websocket: null });
  return true;
}

async function killWorker(hanging: Hanging): Promise<boolean> {
  const { backEnd } = hanging;
  const countNew = countStrikes([backEnd.executionsFile]);
  const before = countNew();
  await backEnd.misbehave({ zombie: { times: 1 } });
  const until = Date.now() + STRUCK_WITHIN_MS;
  while (countNew() === before && Date.now() < until) await sleep(LOOK_MS);
  const isStruck = countNew() > before;
  if (isStruck) await noteNotice(hanging, 'dead worker', Date.now());
  // Whoever keeps it running sees to it.
  await backEnd.kill(0);
  return isStruck;
}

/** As the service tells it; an instance that is never noticed counts with the time it was looked at. */
async function noteNotice({ scene, instanceId, noticed }: Hanging, kind: string, from: number): Promise<void> {
  while ((await isInUse(scene, instanceId)) && Date.now() - from < NOTICED_WITHIN_MS + 1_000) await sleep(LOOK_MS);
  noticed[kind]?.push(Date.now() - from);
}

async function isInUse({ targets: [target] }: Scene, instanceId: string): Promise<boolean> {
  const answer = await callApi(target, `/deployments/${target.deploymentId}/instances`);
  if (answer.kind === 'none' || answer.status !== 200) return true;
  const listed = answer.body['data'] as readonly { id: string; phase: string }[];
  return listed.some(({ id, phase }) => id === instanceId && (phase === 'ready' || phase === 'busy'));
}

interface Seen {
  readonly noticed: Readonly<Record<string, number[]>>;
  readonly standstills: readonly Standstill[];
  readonly sendings: readonly Sending[];
}

async function measure({ stage }: Scene, seen: Seen): Promise<Pick<Played, 'times' | 'circumstances'>> {
  const { attempts } = await readDatabase(stage.database);
  const strikes = readStrikes(stage.executionFiles).filter(({ fault }) => fault === 'zombie');
  const times = {
    ...Object.fromEntries(Object.entries(seen.noticed).map(([kind, ms]) => [`${kind} noticed`, ms])),
    'given up by a standstill': seen.standstills.flatMap((still) => givenUpBy(still, attempts)),
    'given up by a dead worker': strikes.flatMap((strike) => givenUpByDead(strike, attempts)),
  };
  const noticed = Object.values(seen.noticed).flat();
  const { standstills, sendings } = seen;
  const measures = bounded('the notice of a hang', noticed, NOTICED_WITHIN_MS);
  return { times, circumstances: { standstills, sendings, measures } };
}

/** What was lost to a standstill: since it began, or since it was given. */
function givenUpBy({ instanceId, from, until }: Standstill, attempts: readonly Attempt[]): number[] {
  return attempts.flatMap(({ instanceId: at, outcome, startedAt, endedAt }) =>
    at === instanceId && outcome === 'lost' && startedAt !== undefined && endedAt > from && endedAt < until
      ? [endedAt - Math.max(from, startedAt)]
      : [],
  );
}

function givenUpByDead({ promptId, at }: Strike, attempts: readonly Attempt[]): number[] {
  return attempts.flatMap((attempt) => (attempt.promptId === promptId ? [attempt.endedAt - at] : []));
}

/** Of each back end, as the service reaches it. */
async function readInstanceIds({ stage }: Scene): Promise<(string | undefined)[]> {
  const { instances } = await readDatabase(stage.database);
  return stage.lines.instance.map(({ port }) => instances.find(({ address }) => address.endsWith(`:${port}`))?.id);
}
