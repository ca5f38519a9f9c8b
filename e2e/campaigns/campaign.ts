// The shape of a campaign, and how one is run: set the stage, start the load, let it strike, and hear the judge. The
// campaigns themselves are in campaigns.ts; main.ts and the tests call runCampaign.

import type { Target } from './call-api.ts';
import { type Callers, startCallers } from './caller.ts';
import type { PictureKind } from './history.pure.ts';
import { prepareTargets } from './prepare.ts';
import { createRandom, drawColours, type Random } from './random.ts';
import { onStage, type Stage, type StageOptions } from './stage.ts';
import { readHoldings } from './traces-left.ts';
import { type Circumstances, reachVerdict, type Verdict } from './verdict.ts';

export interface Scene {
  readonly stage: Stage;
  readonly random: Random;
  /** Strikes wanted. */
  readonly tries: number;
  readonly callers: Callers;
  readonly targets: readonly [Target, Target];
  /** A colour that nobody else gets. */
  readonly nextColour: () => number;
  /** Something that a person who watches wants to know. */
  tell(line: string): void;
}

export interface Played {
  /** What really struck, by kind. */
  readonly strikes: Readonly<Record<string, number>>;
  /** Tries whose moment did not come. */
  readonly missed?: number;
  readonly circumstances?: Circumstances;
  /** Figures to be printed, in milliseconds. */
  readonly times?: Readonly<Record<string, readonly number[]>>;
  /** Why part of it was not played here. */
  readonly unplayed?: string;
}

export interface Campaign {
  readonly what: string;
  readonly stage: (random: Random) => StageOptions;
  readonly callers: number;
  readonly kinds?: readonly PictureKind[];
  readonly pollMs?: number;
  readonly hasWebhooks?: boolean;
  /** Of the deployments. */
  readonly wish?: Readonly<Record<string, unknown>>;
  readonly circumstances?: Circumstances;
  play(scene: Scene): Promise<Played>;
}

export interface CampaignReport extends Verdict, Omit<Played, 'circumstances'> {
  readonly readyMs: readonly number[];
  /** Where data and logs are, kept when something was wrong. */
  readonly keptIn: string | undefined;
}

export interface CampaignOptions {
  readonly campaign: Campaign;
  readonly tries: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}

export async function runCampaign({
  campaign,
  tries,
  seed,
  tell = () => {},
}: CampaignOptions): Promise<CampaignReport> {
  const random = createRandom(seed);
  return await onStage(campaign.stage(random), async (stage) => {
    await stage.service.whenReady();
    const targets = await prepareTargets(stage, campaign.wish);
    const holdings = readHoldings(stage.service.pid());
    const nextColour = drawColours(random);
    const callers = startCallers({
      ...{ targets, count: campaign.callers, nextColour },
      ...(campaign.kinds ? { kinds: campaign.kinds } : {}),
      ...(campaign.pollMs ? { pollMs: campaign.pollMs } : {}),
      ...(campaign.hasWebhooks ? { webhookUrl: stage.receiver.url } : {}),
    });
    const { circumstances, ...played } = await campaign.play({
      stage,
      random,
      tries,
      callers,
      targets,
      nextColour,
      tell,
    });
    tell('the storm is over');
    const known = { holdings, ...campaign.circumstances, ...circumstances };
    const verdict = await reachVerdict(stage, { callers, circumstances: known });
    return { ...verdict, ...played, readyMs: stage.services.flatMap(({ readyMs }) => readyMs) };
  });
}

/** Measures that the goals bound, of one kind. */
export function bounded(what: string, times: readonly number[], barMs: number) {
  return times.map((ms) => ({ what, ms, barMs }));
}
