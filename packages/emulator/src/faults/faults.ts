// The misbehaviours that can be asked of the emulator, by --faults, POST /emulator/faults or a prompt's
// extra_data.emulator. README.md shows one example of each. Read by fault-control.ts; acted on all over the server.

export type CrashPoint = 'received' | 'queued' | 'start' | 'node' | 'save' | 'end';
export type Lie = 'noOutputs' | 'missingFiles' | 'finishTwice' | 'otherPrompt' | 'progressAfterEnd';

/** On every fault: `skip` lets that many uses pass first, `times` ends it after that many, `every` strikes at each n-th. */
interface Counted {
  times?: number;
  skip?: number;
  every?: number;
}

export interface Faults {
  startMs?: { ms: number } & Counted;
  refuse?: { how?: 'reset' | 'unavailable' | 'closed'; ms?: number; paths?: string[] } & Counted;
  hang?: { where: 'http' | 'worker'; ms?: number; paths?: string[] } & Counted;
  crash?: { at: CrashPoint; node?: string; exitCode?: number; signal?: string } & Counted;
  /** 'queue': never queued; 'history': runs, but leaves no history entry. */
  forget?: { how?: 'queue' | 'history' } & Counted;
  lie?: { how: Lie } & Counted;
  view?: { bytesPerSecond?: number; cutAfterBytes?: number; status?: number } & Counted;
  websocket?: { closeAfterFrames?: number; silent?: boolean } & Counted;
  outOfMemory?: { node?: string } & Counted;
  nodeError?: { node?: string; type?: string; message?: string } & Counted;
  serviceMs?: { ms: number; steps?: number; previews?: boolean } & Counted;
  loadMs?: { ms: number } & Counted;
  replyCut?: Counted;
  replyDelay?: { ms: number } & Counted;
  outputBytes?: { bytes: number; seed?: number } & Counted;
  zombie?: Counted;
}

export type FaultName = keyof Faults;

export const PROMPT_FAULTS = [
  'hang',
  'crash',
  'forget',
  'lie',
  'outOfMemory',
  'nodeError',
  'serviceMs',
  'loadMs',
  'replyCut',
  'replyDelay',
  'outputBytes',
  'zombie',
] as const satisfies readonly FaultName[];

/** The faults that hold for one prompt, decided when it is posted. */
export type PromptBehaviour = Pick<Faults, (typeof PROMPT_FAULTS)[number]>;
