import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { mixed } from './kill-campaigns.ts';

it('nothing is lost or run twice when service, database and the embedded back end are killed under load', async () => {
  const campaign = mixed('embedded', ['service', 'database', 'back end']);
  const report = await runCampaign({ campaign, seed: 5, tries: 3 });
  expect(report.violations).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 120_000);

it('nothing is lost or run twice when service, database and back ends at fixed addresses are killed under load', async () => {
  const campaign = mixed('fixed', ['service', 'database', 'back end']);
  const report = await runCampaign({ campaign, seed: 18, tries: 3 });
  expect(report.violations).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 120_000);
