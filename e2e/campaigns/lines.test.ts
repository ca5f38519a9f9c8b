import { it } from 'vitest';
import { R8 } from './partition-campaign.ts';
import { playShort } from './short-round.ts';

it('lines to clients, instances and the database go bad and heal, and nothing is lost or run twice', async () => {
  await playShort(R8, { seed: 7, strikes: 1 });
}, 600_000);
