// For whom an instance is started.
import { expect, it } from 'vitest';
import { makeMember } from '../../testing/make-member.ts';
import { chooseOwner } from './owner.pure.ts';

it('an instance is started for the open deployment that most waits for, else for the one with the highest minimum', () => {
  const busy = makeMember('busy', { waiting: 3 });
  const closed = makeMember('closed', { waiting: 9, closedBecause: 'the deployment is disabled' });
  const kept = makeMember('kept', { minInstances: 2 });
  expect(chooseOwner([kept, busy, closed])?.id).toBe('busy');
  expect(chooseOwner([makeMember('plain'), kept])?.id).toBe('kept');
  expect(chooseOwner([closed])).toBeUndefined();
});
