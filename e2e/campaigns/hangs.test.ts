// A short round of R5 (hang-campaign.ts), as faults.test.ts has them of others.
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { SHORT_HANGS } from './hang-campaign.ts';

it('what an instance was given when it hung ends once, and nothing begins after its cancel', async () => {
  const report = await runCampaign({ campaign: SHORT_HANGS, seed: 7, tries: 8 });
  expect(report.violations).toEqual([]);
  expect(Object.values(report.strikes).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(8);
}, 240_000);
