import { expect, it } from 'vitest';
import { StorageError, type StorageErrorKind } from './storage.ts';
import { waitForStorage } from './wait-for-storage.ts';

const { signal } = new AbortController();
const failing = (kind: StorageErrorKind, times: number) => {
  const state = { tries: 0 };
  const work = async () => {
    state.tries += 1;
    if (state.tries <= times) throw new StorageError(kind, { kind });
    return 'done';
  };
  return { state, work };
};

it('waits for a storage that is away or full', async () => {
  for (const kind of ['unavailable', 'full'] as const) {
    const { work, state } = failing(kind, 1);
    await expect(waitForStorage(work, { patienceMs: 60_000, signal })).resolves.toBe('done');
    expect(state.tries).toBe(2);
  }
});

it('fails at once for what waiting does not mend', async () => {
  const { work, state } = failing('too_large', 1);
  await expect(waitForStorage(work, { patienceMs: 60_000, signal })).rejects.toMatchObject({ kind: 'too_large' });
  expect(state.tries).toBe(1);
});

it('fails as the last try did when the patience is over, or nobody waits any more', async () => {
  const { work } = failing('unavailable', 99);
  await expect(waitForStorage(work, { patienceMs: 0, signal })).rejects.toMatchObject({ kind: 'unavailable' });
  const gone = AbortSignal.abort();
  await expect(waitForStorage(work, { patienceMs: 60_000, signal: gone })).rejects.toMatchObject({
    kind: 'unavailable',
  });
});
