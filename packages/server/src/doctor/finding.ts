// What a check found, in words with the way out. Made by the checks of this folder, printed by run-doctor.ts.

export interface Finding {
  readonly verdict: 'ok' | 'warn' | 'fail';
  /** What was looked at. */
  readonly what: string;
  readonly says: string;
}

export const ok = (what: string, says: string): Finding => ({ verdict: 'ok', what, says });
export const warn = (what: string, says: string): Finding => ({ verdict: 'warn', what, says });
export const fail = (what: string, says: string): Finding => ({ verdict: 'fail', what, says });

export const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
};
