import type { ExecutionError } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { reportRun } from './run-report.pure.ts';

const run = { versionId: 'v', isResumed: false };
const lost = { kind: 'lost', reason: 'it went away', isAbsent: false } as const;
const error = { exceptionType: 'RuntimeError', exceptionMessage: 'CUDA error' } as ExecutionError;

it('an error is told with its type, an interrupt says nothing', () => {
  expect(reportRun(run, { kind: 'error', error })).toMatchObject({ kind: 'failed', error: 'RuntimeError: CUDA error' });
  expect(reportRun(run, { kind: 'interrupted' })).toBeUndefined();
});

it('a prompt that was adopted and is not known there says nothing: it may never have been sent', () => {
  expect(reportRun({ ...run, isResumed: true }, { ...lost, isAbsent: true })).toBeUndefined();
  expect(reportRun({ ...run, isResumed: true }, lost)).toMatchObject({ kind: 'lost' });
});

it('one that was sent and is not known there any more was lost there', () => {
  expect(reportRun(run, { ...lost, isAbsent: true })).toMatchObject({ kind: 'lost' });
});
