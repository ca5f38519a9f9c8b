// Keeps a process that is no longer the brain from writing: its successor ends all its sessions, and each new one is
// refused here before it is used. Made by app.ts; asked by the pools (connection.ts).
import type { ClientBase } from 'pg';
import { readTerm } from './leadership.ts';

/** Another replica is the brain: this process must end, and a supervisor start it again. */
export class Deposed extends Error {
  override readonly name = 'Deposed';

  constructor(because: string) {
    super(`another replica is the brain now, and this one must be started again: ${because}`);
  }
}

export interface Fence {
  /** This replica, as its sessions are named. */
  readonly replicaId: string;
  /** From now on sessions are good in this term only; undefined: in any, nothing is led here. */
  lead(term: number | undefined): void;
  /** Throws Deposed on a session of a brain whose term is over. */
  check(client: ClientBase): Promise<void>;
}

export function createFence(deps: { replicaId: string; onDeposed: (error: Deposed) => void }): Fence {
  let held: number | undefined;
  return {
    replicaId: deps.replicaId,
    lead(term) {
      held = term;
    },
    async check(client) {
      if (held === undefined) return;
      const term = await readTerm(client);
      if (term === held || held === undefined) return;
      const error = new Deposed(`the term is ${term}, this was the brain in term ${held}`);
      deps.onDeposed(error);
      throw error;
    },
  };
}
