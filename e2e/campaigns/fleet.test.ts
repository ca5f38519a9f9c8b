import { it } from 'vitest';
import { R16 } from './backlog-campaign.ts';
import { R14 } from './provider-campaign.ts';
import { R13 } from './replica-campaign.ts';
import { playShort } from './short-round.ts';

it('replicas take over from a brain that is paused, killed or stopped', async () => {
  await playShort(R13, { seed: 7, strikes: 3 });
}, 600_000);

it('instances that will not start, stay or end leave no process and no bill behind', async () => {
  await playShort(R14, { seed: 7, strikes: 10 });
}, 600_000);

it('what waits when the service is killed is all there, and goes on in its order', async () => {
  await playShort(R16, { seed: 7, strikes: 300 });
}, 600_000);
