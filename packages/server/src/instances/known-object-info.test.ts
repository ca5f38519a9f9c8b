import { expect, it } from 'vitest';
import type { Instance } from './fleet.ts';
import { createObjectInfoReader } from './known-object-info.ts';

/** Counts how often it is asked; fails while it is away. */
function makeInstance() {
  const state = { asked: 0, isAway: false, since: 0 };
  const objectInfo = async () => {
    state.asked += 1;
    if (state.isAway) throw new Error('away');
    return { info: {}, text: '{}' };
  };
  const instance = {
    get since() {
      return state.since;
    },
    connection: { client: { objectInfo } },
  } as unknown as Instance;
  return { state, instance };
}

it('is read once by all who ask within the time, and again after it', async () => {
  let now = 0;
  const read = createObjectInfoReader(() => now);
  const { state, instance } = makeInstance();
  await Promise.all([read(instance, 1_000), read(instance, 1_000), read(instance, 1_000)]);
  expect(state.asked).toBe(1);
  now = 999;
  await read(instance, 1_000);
  expect(state.asked).toBe(1);
  await read(instance, 500);
  expect(state.asked).toBe(2);
});

it('is read again when another process stands behind the address, and after a failure', async () => {
  const read = createObjectInfoReader(() => 0);
  const { state, instance } = makeInstance();
  await read(instance, 1_000);
  state.since = 1;
  state.isAway = true;
  await expect(read(instance, 1_000)).rejects.toThrow('away');
  state.isAway = false;
  await read(instance, 1_000);
  expect(state.asked).toBe(3);
});
