import { expect, test } from 'vitest';
import { DatabaseUnavailable } from './database-unavailable.ts';
import { persist } from './persist.ts';

const unavailable = (ambiguous: boolean): DatabaseUnavailable =>
  new DatabaseUnavailable(ambiguous, { cause: new Error('gone') });

/** Fails as told, one after the other, then answers. */
function failing(...failures: Error[]): () => Promise<string> {
  return async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    return 'kept';
  };
}

test('a statement is tried again until the database is back', async () => {
  expect(await persist(failing(unavailable(false), unavailable(true)))).toBe('kept');
});

test('any other failure is told at once', async () => {
  await expect(persist(failing(new Error('unique'), unavailable(false)))).rejects.toThrow('unique');
});

test('giving up stays ambiguous once any try was', async () => {
  const neverSent = persist(failing(unavailable(false), unavailable(false)), { withinMs: 0 });
  await expect(neverSent).rejects.toMatchObject({ ambiguous: false });
  const failures = [unavailable(true), ...Array.from({ length: 20 }, () => unavailable(false))];
  await expect(persist(failing(...failures), { withinMs: 60 })).rejects.toMatchObject({ ambiguous: true });
});

test('a stop ends the tries', async () => {
  await expect(persist(failing(unavailable(false)), { signal: AbortSignal.abort() })).rejects.toThrow(
    'cannot be reached',
  );
});
