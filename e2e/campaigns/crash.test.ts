import { expect, it } from 'vitest';
import { mixed } from './kill-campaigns.ts';
import { playShort } from './short-round.ts';

it('nothing is lost or run twice when service, database and the embedded back end are killed under load', async () => {
  const campaign = mixed('embedded', ['service', 'database', 'back end']);
  const report = await playShort(campaign, { seed: 5, strikes: 3, callers: 50 });
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 600_000);

it('nothing is lost or run twice when service, database and back ends at fixed addresses are killed under load', async () => {
  const campaign = mixed('fixed', ['service', 'database', 'back end']);
  const report = await playShort(campaign, { seed: 18, strikes: 3, callers: 50 });
  expect(report.acknowledged).toBeGreaterThanOrEqual(50);
}, 600_000);
