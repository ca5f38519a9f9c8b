// A campaign in a few seconds, as the test command plays it: the same faults and the same judge, with few strikes on a
// smaller stage. Used by the tests beside it.
import { expect } from 'vitest';
import { type Campaign, type CampaignReport, runCampaign } from './campaign.ts';

interface Round {
  readonly seed: number;
  readonly strikes: number;
  readonly callers?: number;
}

const CALLERS = 24;
const MOST_BACK_ENDS = 4;

export async function playShort(
  campaign: Campaign,
  { seed, strikes, callers = CALLERS }: Round,
): Promise<CampaignReport> {
  const small: Campaign = {
    ...campaign,
    callers: Math.min(callers, campaign.callers),
    stage(random) {
      const options = campaign.stage(random);
      const { backEndCount } = options;
      return backEndCount === undefined
        ? options
        : { ...options, backEndCount: Math.min(backEndCount, MOST_BACK_ENDS) };
    },
  };
  const report = await runCampaign({ campaign: small, seed, tries: strikes });
  expect(report.violations).toEqual([]);
  const struck = Object.values(report.strikes).reduce((sum, count) => sum + count, 0);
  expect(struck).toBeGreaterThanOrEqual(strikes);
  return report;
}
