import { expect, it } from 'vitest';
import { R1 } from './kill-campaigns.ts';
import { playShort } from './short-round.ts';
import { crashAtSteps } from './step-campaign.ts';

it('nothing is lost or run twice when the service is killed at any moment', async () => {
  const report = await playShort(R1, { seed: 3, strikes: 3, callers: 60 });
  expect(report.acknowledged).toBeGreaterThanOrEqual(60);
}, 600_000);

it('nothing is lost or run twice when the service crashes on either side of a write or a call', async () => {
  const steps = [
    'after-insert',
    'after-post',
    'mid-store',
    'before-finish',
    'before-interrupt',
    'mid-recovery',
  ] as const;
  expect(await playShort(crashAtSteps(steps), { seed: 4, strikes: steps.length })).toMatchObject({ missed: 0 });
}, 600_000);
