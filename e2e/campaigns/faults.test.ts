import { expect, it } from 'vitest';
import { runFaultCampaign } from './fault-campaigns.ts';

it('a prompt whose reply was cut is found again and not run twice', async () => {
  const report = await runFaultCampaign({ name: 'R3', seed: 7, tries: 8 });
  expect(report.violations).toEqual([]);
  expect(report.runs).toBeGreaterThanOrEqual(8);
}, 120_000);
