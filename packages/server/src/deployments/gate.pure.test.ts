import { expect, it } from 'vitest';
import { type GatedDeployment, judgeAccess, judgeSubmit } from './gate.pure.ts';

const deployment: GatedDeployment = { id: 'd1', accountId: 'a1', isEnabled: true, disabledCode: null, deletedAt: null };
const codeOf = (gate: ReturnType<typeof judgeAccess>) => (gate.kind === 'open' ? 'open' : gate.code);

it.each<[string, GatedDeployment | undefined, string, number | 'open']>([
  ['its owner', deployment, 'a1', 'open'],
  ['its owner, while it is disabled', { ...deployment, isEnabled: false }, 'a1', 'open'],
  ['its owner, after it was deleted', { ...deployment, deletedAt: 1 }, 'a1', 10003],
  ['another account', deployment, 'a2', 403003],
  ['another account, after it was deleted', { ...deployment, deletedAt: 1 }, 'a2', 403003],
  ['anybody, when there is none', undefined, 'a1', 404001],
])('access for %s', (_who, row, accountId, expected) => {
  expect(codeOf(judgeAccess(row, 'd1', accountId))).toBe(expected);
});

it('says when it was deleted', () => {
  const gate = judgeAccess({ ...deployment, deletedAt: Date.UTC(2026, 0, 2) }, 'd1', 'a1');
  expect(gate).toMatchObject({ message: expect.stringContaining('2026-01-02') });
});

it('a deployment that was disabled for want of funds says so with 10001', () => {
  expect(judgeSubmit({ ...deployment, isEnabled: false, disabledCode: 10001 })).toMatchObject({
    code: 10001,
    message: expect.stringContaining('until it is enabled'),
  });
});

it('a disabled deployment takes no submit, and says how to enable it', () => {
  expect(judgeSubmit(deployment)).toEqual({ kind: 'open' });
  expect(judgeSubmit({ ...deployment, isEnabled: false })).toMatchObject({
    code: 10002,
    message: expect.stringContaining('{"is_enabled": true}'),
  });
});
