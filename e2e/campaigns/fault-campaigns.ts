// The campaigns of the reliability goals that are played under load and judged by check-history.pure.ts: what each breaks,
// on which stage, and what its fault excuses. Called by main.ts and, for a short round, by a test.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackEnd } from './back-end.ts';
import { startCallers } from './caller.ts';
import { CRASH_POINTS } from './crash-points.ts';
import { createRandom, drawColours, type Random } from './random.ts';
import { prepareDeployment, type Stage, type StageOptions, setStage } from './stage.ts';
import { reachVerdict, type Verdict } from './verdict.ts';

export type FaultCampaignName = 'R1' | 'R2' | 'R3' | 'R4' | 'R5' | 'R6' | 'R7';

interface FaultCampaign {
  readonly what: string;
  readonly stage: StageOptions;
  readonly callers: number;
  readonly pauseMs: readonly [number, number];
  readonly excusedCodes?: readonly number[];
  readonly isEachRunOnce?: boolean;
  /** False when the moment for it did not come. */
  strike(stage: Stage, random: Random, index: number): Promise<boolean>;
}

const FIXED: StageOptions = { setUp: 'fixed', backEndCount: 3 };
const LIES = ['noOutputs', 'missingFiles', 'finishTwice', 'otherPrompt', 'progressAfterEnd'] as const;
const QUICK: readonly [number, number] = [20, 120];
const CRASH_WITHIN_MS = 8_000;
const NOTICED_WITHIN_MS = 30_000;

function anyBackEnd({ backEnds: [first, ...others] }: Stage, random: Random): BackEnd {
  if (first === undefined) throw new Error('the campaign needs back ends at fixed addresses');
  return random.pick([first, ...others]);
}

const once = (faults: (random: Random) => unknown) => async (stage: Stage, random: Random) => {
  await anyBackEnd(stage, random).misbehave(faults(random));
  return true;
};

export const FAULT_CAMPAIGNS: Readonly<Record<FaultCampaignName, FaultCampaign>> = {
  R1: {
    what: 'kill -9 of the service, 200 requests in flight over 8 instances',
    stage: { setUp: 'fixed', backEndCount: 8 },
    callers: 200,
    pauseMs: [50, 1_500],
    async strike({ service }, random) {
      if (random.next() < 0.75) await service.whenReady();
      await service.kill();
      return true;
    },
  },
  R2: {
    what: 'the service crashes at a named step, and every other time again in its next life',
    stage: FIXED,
    callers: 40,
    pauseMs: QUICK,
    async strike({ service }, random, index) {
      const point = CRASH_POINTS[index % CRASH_POINTS.length];
      let isReached = await service.crashAt(`${point}:${1 + Math.floor(random.between(0, 3))}`, CRASH_WITHIN_MS);
      if (index % (2 * CRASH_POINTS.length) >= CRASH_POINTS.length) {
        isReached = (await service.crashAt(`${point}:1`, CRASH_WITHIN_MS)) && isReached;
      }
      await service.kill();
      await service.whenReady();
      return isReached;
    },
  },
  R3: {
    what: 'the instance runs the prompt, and its reply to the POST is cut',
    stage: FIXED,
    callers: 20,
    pauseMs: QUICK,
    isEachRunOnce: true,
    strike: once(() => ({ replyCut: { times: 1 } })),
  },
  R4: {
    what: 'SIGKILL of an instance when it loads, runs or saves',
    stage: FIXED,
    callers: 20,
    pauseMs: [200, 700],
    strike: once((random) => ({
      crash: { at: random.pick(['received', 'queued', 'start', 'node', 'save', 'end']), signal: 'SIGKILL', times: 1 },
    })),
  },
  R5: {
    what: 'an instance stands still (SIGSTOP, SIGCONT), for up to 33 s, or its websocket falls silent',
    stage: FIXED,
    callers: 20,
    pauseMs: [100, 600],
    async strike(stage, random) {
      const backEnd = anyBackEnd(stage, random);
      const kind = random.next();
      if (kind < 0.4) await backEnd.freeze(random.between(500, 12_000));
      // Long enough to be given up: what it does once it goes on again is a late writer's.
      else if (kind < 0.5) await backEnd.freeze(NOTICED_WITHIN_MS + random.between(1_000, 3_000));
      else {
        await backEnd.misbehave({ websocket: { silent: true } });
        await sleep(random.between(500, 3_000));
        await backEnd.misbehave({ websocket: null });
      }
      return true;
    },
  },
  R6: {
    what: 'the instance accepts a prompt and forgets it, or its history does',
    stage: FIXED,
    callers: 20,
    pauseMs: QUICK,
    strike: once((random) => ({ forget: { how: random.pick(['queue', 'history']), times: 1 } })),
  },
  R7: {
    what: 'the instance lies',
    stage: FIXED,
    callers: 20,
    pauseMs: QUICK,
    excusedCodes: [10006],
    strike: once((random) => ({ lie: { how: random.pick(LIES), times: 1 } })),
  },
};

export interface FaultReport extends Verdict {
  readonly tries: number;
  /** Strikes whose moment did not come. */
  readonly missed: number;
  readonly readyMs: readonly number[];
  readonly keptIn: string | undefined;
}

export interface FaultOptions {
  readonly name: FaultCampaignName;
  readonly tries: number;
  readonly seed: number;
}

export async function runFaultCampaign(options: FaultOptions): Promise<FaultReport> {
  const campaign = FAULT_CAMPAIGNS[options.name];
  const stage = await setStage(campaign.stage);
  let isClean = false;
  try {
    const report = await play(stage, campaign, options);
    isClean = report.violations.length === 0;
    return { ...report, keptIn: isClean ? undefined : stage.dir };
  } finally {
    await stage.stop();
    if (isClean) rmSync(stage.dir, { recursive: true, force: true });
  }
}

async function play(
  stage: Stage,
  campaign: FaultCampaign,
  { tries, seed }: FaultOptions,
): Promise<Omit<FaultReport, 'keptIn'>> {
  const { service } = stage;
  const random = createRandom(seed);
  await service.whenReady();
  const target = await prepareDeployment({ baseUrl: service.baseUrl, token: service.token() });
  const callers = startCallers({ target, count: campaign.callers, nextColour: drawColours(random) });
  let missed = 0;
  for (let index = 0; index < tries; index += 1) {
    await sleep(random.between(...campaign.pauseMs));
    if (!(await campaign.strike(stage, random, index))) missed += 1;
  }
  const { excusedCodes = [], isEachRunOnce = false } = campaign;
  const verdict = await reachVerdict(stage, { callers, target, excusedCodes, isEachRunOnce });
  return { ...verdict, tries, missed, readyMs: service.readyMs };
}
