import { expect, it } from 'vitest';
import { runCrashCampaign } from './crash-campaign.ts';

const targets = ['service', 'database', 'backend'] as const;

it('nothing is lost or run twice when service, database and the embedded back end are killed under load', async () => {
  const report = await runCrashCampaign({ setUp: 'embedded', seed: 5, kills: 3, targets, inFlight: 50 });
  expect(report.violations).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 120_000);

it('nothing is lost or run twice when service, database and back ends at fixed addresses are killed under load', async () => {
  const report = await runCrashCampaign({ setUp: 'fixed', seed: 18, kills: 3, targets, inFlight: 50 });
  expect(report.violations).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 120_000);
