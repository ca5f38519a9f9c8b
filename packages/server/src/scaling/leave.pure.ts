// How instances leave: one that runs something takes no more and ends what it has, one without work ends at once. Pure; asked
// by judge.ts after each decision, by scaler.ts for one that a person takes away. Done by act.ts.
import type { SeenInstance } from './combine-members.pure.ts';
import type { Drain } from './decide.pure.ts';

export interface Leave extends Drain {
  readonly how: 'drain' | 'end';
}

/** Those that a decision takes out of use, and those that were taken out earlier and have nothing left to do. */
export function decideLeaves(instances: readonly SeenInstance[], drain: readonly Drain[]): Leave[] {
  const leaves = drain.flatMap(({ id, because }) => {
    const instance = instances.find((each) => each.id === id);
    return instance === undefined ? [] : [decideLeave(instance, because)];
  });
  const drained = instances.filter(({ phase, pending }) => phase === 'draining' && pending === 0);
  return [...leaves, ...drained.map(endDrained)];
}

export function decideLeave({ id, pending }: Pick<SeenInstance, 'id' | 'pending'>, because: string): Leave {
  return { id, how: pending > 0 ? 'drain' : 'end', because };
}

/** People read why it was taken out of use, not that it has ended its work. */
function endDrained({ id, reason }: SeenInstance): Leave {
  return { id, how: 'end', because: reason ?? 'nothing is left to do on it' };
}
