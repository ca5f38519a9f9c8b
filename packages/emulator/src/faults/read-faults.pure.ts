// Reads a faults object and says what is wrong with it. A fault may be written short: true for its defaults, or the one
// value that matters (`"crash": "start"`, `"serviceMs": 200`). Called by fault-control.ts.
import type { FaultName, Faults } from './faults.ts';

type Field = 'number' | 'string' | 'boolean' | 'strings' | readonly string[];

interface Shape {
  /** The field that a bare number or string stands for. Without a default it is also required. */
  main?: string;
  hasDefault?: boolean;
  fields: Record<string, Field>;
}

const COUNTED: Record<string, Field> = { times: 'number', skip: 'number', every: 'number' };

const SHAPES: Record<FaultName, Shape> = {
  startMs: { main: 'ms', fields: { ms: 'number' } },
  refuse: {
    main: 'how',
    hasDefault: true,
    fields: { how: ['reset', 'unavailable', 'closed'], ms: 'number', paths: 'strings' },
  },
  hang: { main: 'where', fields: { where: ['http', 'worker'], ms: 'number', paths: 'strings' } },
  crash: {
    main: 'at',
    fields: {
      at: ['received', 'queued', 'start', 'node', 'save', 'end'],
      node: 'string',
      exitCode: 'number',
      signal: 'string',
    },
  },
  forget: { main: 'how', hasDefault: true, fields: { how: ['queue', 'history'] } },
  lie: {
    main: 'how',
    fields: { how: ['noOutputs', 'missingFiles', 'finishTwice', 'otherPrompt', 'progressAfterEnd'] },
  },
  view: { fields: { bytesPerSecond: 'number', cutAfterBytes: 'number', status: 'number' } },
  websocket: { fields: { closeAfterFrames: 'number', silent: 'boolean' } },
  outOfMemory: { fields: { node: 'string' } },
  nodeError: { fields: { node: 'string', type: 'string', message: 'string' } },
  serviceMs: { main: 'ms', fields: { ms: 'number', steps: 'number', previews: 'boolean' } },
  loadMs: { main: 'ms', fields: { ms: 'number' } },
  replyCut: { fields: {} },
  replyDelay: { main: 'ms', fields: { ms: 'number' } },
  outputBytes: { main: 'bytes', fields: { bytes: 'number', seed: 'number' } },
  zombie: { fields: {} },
};

export type FaultsPatch = { [name in FaultName]?: NonNullable<Faults[name]> | null };

export type ReadFaults = { kind: 'faults'; faults: FaultsPatch } | { kind: 'wrong'; problem: string };

/** null and false are kept as null: they take the fault away. */
export function readFaults(value: unknown): ReadFaults {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'wrong', problem: 'faults must be a JSON object' };
  }
  const faults: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    if (!isFaultName(name)) return wrong(`unknown fault "${name}"; known: ${Object.keys(SHAPES).join(', ')}`);
    if (given === null || given === false) {
      faults[name] = null;
      continue;
    }
    const fault = expand(SHAPES[name], given);
    const problem = fault ? findProblem(name, fault) : `"${name}" cannot be ${JSON.stringify(given)}`;
    if (problem) return wrong(problem);
    faults[name] = fault;
  }
  return { kind: 'faults', faults: faults as FaultsPatch };
}

const wrong = (problem: string): ReadFaults => ({ kind: 'wrong', problem });

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(SHAPES, name);
}

function expand(shape: Shape, given: unknown): Record<string, unknown> | undefined {
  if (given === true) return {};
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
  return shape.main === undefined ? undefined : { [shape.main]: given };
}

function findProblem(name: FaultName, fault: Record<string, unknown>): string | undefined {
  const { main, fields, hasDefault = false } = SHAPES[name];
  if (main !== undefined && !hasDefault && fault[main] === undefined) return `"${name}" needs "${main}"`;
  for (const [field, value] of Object.entries(fault)) {
    const wanted = fields[field] ?? COUNTED[field];
    if (wanted === undefined) return `"${name}" has no "${field}"`;
    if (!fits(value, wanted)) return `"${name}.${field}" must be ${describe(wanted)}`;
  }
  return undefined;
}

function fits(value: unknown, wanted: Field): boolean {
  if (wanted === 'strings') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (typeof wanted !== 'string') return typeof value === 'string' && wanted.includes(value);
  if (wanted === 'number') return typeof value === 'number' && Number.isFinite(value) && value >= 0;
  return typeof value === wanted;
}

function describe(wanted: Field): string {
  if (wanted === 'strings') return 'a list of strings';
  if (wanted === 'number') return 'a number, zero or more';
  return typeof wanted === 'string' ? `a ${wanted}` : `one of ${wanted.join(', ')}`;
}
