// Which runs make an instance unfit, and which are the graphs' own fault.
import { describe, expect, it } from 'vitest';
import { HEALTHY, type Health, judgeHealth, type RunReport } from './health.pure.ts';

function judgeAll(runs: readonly Partial<RunReport>[]) {
  let health: Health = HEALTHY;
  let verdict: ReturnType<typeof judgeHealth>['verdict'] = { kind: 'fine' };
  for (const run of runs) {
    const judged = judgeHealth(health, { kind: 'failed', versionId: 'v1', error: 'ValueError: bad input', ...run });
    health = judged.health;
    verdict = judged.verdict;
  }
  return verdict;
}

describe('the health of an instance', () => {
  it('is spoilt by one run whose error poisons the process', () => {
    const verdict = judgeAll([{ error: 'RuntimeError: CUDA error: an illegal memory access was encountered' }]);
    expect(verdict).toEqual({ kind: 'replace', because: expect.stringContaining('illegal memory access') });
  });

  it('is not judged by a graph that runs out of memory by itself', () => {
    expect(judgeAll([{ error: 'torch.OutOfMemoryError: Allocation on device' }])).toEqual({ kind: 'fine' });
  });

  it('is not judged by one version that fails every time', () => {
    expect(judgeAll(Array.from({ length: 20 }, () => ({})))).toEqual({ kind: 'fine' });
  });

  it('ends when runs of different versions fail in a row', () => {
    const verdict = judgeAll(['v1', 'v2', 'v1', 'v2'].map((versionId) => ({ versionId })));
    expect(verdict).toEqual({
      kind: 'replace',
      because: expect.stringContaining('failed 4 runs of different workflows'),
    });
  });

  it('ends when a version that ran before fails again and again', () => {
    const verdict = judgeAll(Array.from({ length: 4 }, () => ({ isProven: true })));
    expect(verdict).toEqual({ kind: 'replace', because: expect.stringContaining('of a workflow that ran before') });
  });

  it('is not judged by what a node quotes of its own input', () => {
    expect(judgeAll([{ error: 'ValueError: the prompt said "HIP error"' }])).toEqual({ kind: 'fine' });
  });

  it('is restored by one run that succeeds', () => {
    const runs = ['v1', 'v2', 'v3'].map((versionId) => ({ versionId }));
    expect(judgeAll([...runs, { kind: 'ok' }, { versionId: 'v4' }])).toEqual({ kind: 'fine' });
  });

  it('ends after three losses in a row', () => {
    expect(judgeAll([{ kind: 'lost' }, { kind: 'lost' }])).toEqual({ kind: 'fine' });
    const verdict = judgeAll([{ kind: 'lost' }, { kind: 'lost' }, { kind: 'lost' }]);
    expect(verdict).toEqual({ kind: 'replace', because: 'it lost 3 runs in a row' });
  });
});
