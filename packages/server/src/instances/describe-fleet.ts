// How a pool's instances are, in a sentence for whoever asks why requests wait for them. Called by app-scaler.ts where the
// scaler has nothing to say.
import type { Fleet } from './fleet.ts';
import { withoutAddresses } from './record-events.ts';

/** Why nothing is given out: accounts share these instances, and where they stand is the operator's business. */
export function describeFleet(fleet: Fleet, pool: string): string {
  const instances = fleet.all().filter((instance) => instance.pool === pool);
  if (instances.length === 0) return 'There is no instance.';
  const ready = instances.filter((instance) => instance.phase === 'ready').length;
  if (ready > 0) return `${ready} of ${instances.length} instances are ready and busy.`;
  const causes = instances.map(
    (i) => `${i.id} (${i.phase}): ${withoutAddresses(i.reason ?? i.connection.lastCause() ?? 'no answer yet')}`,
  );
  return `No instance could be reached. ${causes.slice(0, 3).join('; ')}`;
}
