// Which faults hold now, and how often each may still strike. Shared by the HTTP server, the sockets and the runner;
// changed by POST and DELETE /emulator/faults.
import { type FaultName, type Faults, PROMPT_FAULTS, type PromptBehaviour } from './faults.ts';
import { readFaults } from './read-faults.pure.ts';

export interface FaultControl {
  /** Merges by fault name; returns the problem instead when the patch is not understood. */
  merge(patch: unknown): string | undefined;
  clear(): void;
  current(): Faults;
  /** The fault if it strikes now; counts one use. */
  take<N extends FaultName>(name: N): Faults[N] | undefined;
  /** As take(), for faults that hold only on some paths. */
  takeOnPath<N extends 'refuse' | 'hang'>(name: N, path: string): Faults[N] | undefined;
  /** What holds for a prompt: the server's own faults, then those of its extra_data.emulator, if they make sense. */
  takeForPrompt(own: unknown): { behaviour: PromptBehaviour } | { problem: string };
  /** The websocket limits, which are used up by take('websocket') when a connection is cut. */
  websocket(): Faults['websocket'] | undefined;
  /** Resolves when the faults are cleared: what hangs is let go then. */
  cleared(): Promise<void>;
}

export function createFaultControl(initial: Faults = {}): FaultControl {
  let faults: Faults = { ...initial };
  let waiting: (() => void)[] = [];

  function take<N extends FaultName>(name: N): Faults[N] | undefined {
    const fault = faults[name];
    if (fault === undefined || !strikes(fault)) return undefined;
    return fault;
  }

  function takeForPrompt(own: unknown): { behaviour: PromptBehaviour } | { problem: string } {
    const read = readFaults(own ?? {});
    if (read.kind === 'wrong') return { problem: read.problem };
    const behaviour: Faults = {};
    for (const name of PROMPT_FAULTS) {
      if (name === 'hang' && faults.hang?.where !== 'worker') continue;
      Object.assign(behaviour, { [name]: take(name) });
    }
    return { behaviour: withoutNulls({ ...behaviour, ...read.faults }) };
  }

  return {
    merge(patch) {
      const read = readFaults(patch);
      if (read.kind === 'wrong') return read.problem;
      faults = withoutNulls({ ...faults, ...structuredClone(read.faults) });
      return undefined;
    },
    clear() {
      faults = {};
      for (const release of waiting) release();
      waiting = [];
    },
    current: () => faults,
    take,
    takeOnPath(name, path) {
      const fault = faults[name];
      if (!fault || (fault.paths && !fault.paths.some((prefix) => path.startsWith(prefix)))) return undefined;
      return take(name);
    },
    takeForPrompt,
    websocket: () => (faults.websocket && faults.websocket.times !== 0 ? faults.websocket : undefined),
    cleared: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

interface Counts {
  times?: number;
  skip?: number;
  every?: number;
  /** Uses since the last strike. */
  passed?: number;
}

function strikes(fault: Counts): boolean {
  if (fault.skip !== undefined && fault.skip > 0) {
    fault.skip -= 1;
    return false;
  }
  if (fault.every !== undefined && fault.every > 1) {
    fault.passed = ((fault.passed ?? 0) + 1) % fault.every;
    if (fault.passed !== 0) return false;
  }
  if (fault.times === undefined) return true;
  if (fault.times <= 0) return false;
  fault.times -= 1;
  return true;
}

function withoutNulls(faults: object): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([, fault]) => fault !== null && fault !== undefined));
}
