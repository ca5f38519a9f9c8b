import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { R3 } from './fault-campaigns.ts';

it('a prompt whose reply was cut is found again and not run twice', async () => {
  const report = await runCampaign({ campaign: R3, seed: 7, tries: 20 });
  expect(report.violations).toEqual([]);
  expect(Object.values(report.strikes).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(20);
}, 120_000);
