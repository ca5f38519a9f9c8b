// What a process of a SKU is started with, and what its end means in words. Pure; asked by process.ts.
import { withLastWords } from '../last-words.pure.ts';
import type { GoneKind } from '../provider.ts';
import type { ProcessSettings } from './process-settings.pure.ts';

export interface CommandParts {
  readonly port: number;
  readonly baseDir: string;
  readonly gpu: string | undefined;
  readonly id: string;
}

/** Marks what was started for an instance: found by it after a crash of the service. */
export const INSTANCE_MARK = 'COMFLEET_INSTANCE_ID';

export function usesBaseDir({ command }: ProcessSettings): boolean {
  return command.some((part) => part.includes('{base_dir}'));
}

export function fillCommand({ command }: ProcessSettings, parts: CommandParts): string[] {
  const values: Readonly<Record<string, string>> = {
    port: String(parts.port),
    base_dir: parts.baseDir,
    gpu: parts.gpu ?? '',
    id: parts.id,
  };
  const filled = command.map((part) => part.replace(/\{(port|base_dir|gpu|id)\}/g, (_, key) => values[key] ?? ''));
  return command.some((part) => part.includes('{port}')) ? filled : [...filled, '--port', String(parts.port)];
}

export function makeEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  { env }: ProcessSettings,
  { gpu, id }: Pick<CommandParts, 'gpu' | 'id'>,
): Record<string, string | undefined> {
  const assigned = gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: gpu };
  return { ...inherited, ...env, ...assigned, [INSTANCE_MARK]: id };
}

/** `undefined`: nobody could say how it ended. */
export type Exit = { readonly code: number | null; readonly signal: string | null } | undefined;

const KILLED = 137;
/** What a shell says of a program that it cannot run, or does not find. */
const NEVER_RAN = [126, 127];

export function explainExit(exit: Exit, logTail: readonly string[]): { cause: string; kind: GoneKind } {
  const { cause, kind } = explainBriefly(exit);
  return { cause: withLastWords(cause, logTail), kind };
}

function explainBriefly(exit: Exit): { cause: string; kind: GoneKind } {
  if (exit === undefined) return { cause: 'the process ended', kind: 'ended' };
  const { code, signal } = exit;
  if (signal === 'SIGKILL' || code === KILLED) {
    const cause = `the process was killed (SIGKILL), and not by comfleet: so the system ends what takes too much memory`;
    return { cause, kind: 'out_of_memory' };
  }
  if (signal !== null) return { cause: `the process was ended by ${signal}`, kind: 'ended' };
  const kind = code !== null && NEVER_RAN.includes(code) ? 'not_started' : 'ended';
  return { cause: `the process ended with exit code ${code}`, kind };
}
