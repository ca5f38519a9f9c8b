// A campaign in a few seconds, as the test command plays it: the same stage, load and judge, with few strikes.
// Used by the tests beside it.
import { expect } from 'vitest';
import { type Campaign, type CampaignReport, runCampaign } from './campaign.ts';

export async function playShort(
  campaign: Campaign,
  round: { readonly seed: number; readonly strikes: number },
): Promise<CampaignReport> {
  const report = await runCampaign({ campaign, seed: round.seed, tries: round.strikes });
  expect(report.violations).toEqual([]);
  const struck = Object.values(report.strikes).reduce((sum, count) => sum + count, 0);
  expect(struck).toBeGreaterThanOrEqual(round.strikes);
  return report;
}
