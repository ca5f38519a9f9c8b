// What the end of a run says of the instance that it was on, for instances/health.pure.ts. Pure; called by follow.ts.
import type { RunReport } from '../instances/health.pure.ts';
import type { RunEnd } from './watch.ts';

interface Run {
  readonly versionId: string;
  /** Its prompt was sent by an earlier life of this service, or was about to be. */
  readonly isResumed: boolean;
}

/** undefined: nothing. */
export function reportRun({ versionId, isResumed }: Run, end: RunEnd): RunReport | undefined {
  switch (end.kind) {
    case 'interrupted':
      return undefined;
    case 'success':
      return { kind: 'ok', versionId, error: undefined };
    case 'error':
      return { kind: 'failed', versionId, error: `${end.error.exceptionType}: ${end.error.exceptionMessage}` };
    case 'lost':
      // It may never have been sent.
      return isResumed && end.isAbsent ? undefined : { kind: 'lost', versionId, error: undefined };
  }
}
