// The emulator's door: a ComfyUI look-alike in this process, and what its faults are.
export { createEmulator, type Emulator, type EmulatorOptions } from './emulator.ts';
export type { Execution } from './executions.ts';
export type { FaultControl } from './faults/fault-control.ts';
export type { CrashPoint, FaultName, Faults, Lie, PromptBehaviour } from './faults/faults.ts';
export type { Crash } from './runner.ts';
