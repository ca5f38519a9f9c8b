import { expect, it } from 'vitest';
import { R3, R4, R6, R7, R17 } from './fault-campaigns.ts';
import { playShort } from './short-round.ts';

it('a prompt whose reply was cut is found again and not run twice', async () => {
  await playShort(R3, { seed: 7, strikes: 20 });
}, 600_000);

it('what an instance ran when it was killed is run again, or fails by name', async () => {
  const report = await playShort(R4, { seed: 7, strikes: 15 });
  expect(report.lostAttempts).toBeGreaterThan(0);
}, 600_000);

it('a prompt that an instance has forgotten is queued again', async () => {
  const report = await playShort(R6, { seed: 7, strikes: 15 });
  expect(report.lostAttempts).toBeGreaterThan(0);
}, 600_000);

it('an instance that lies is not believed', async () => {
  await playShort(R7, { seed: 7, strikes: 15 });
}, 600_000);

it('a request that kills every instance ends after three of them, and the others go on', async () => {
  await playShort(R17, { seed: 7, strikes: 6 });
}, 600_000);
