import { expect, test } from 'vitest';
import { DatabaseUnavailable } from './database-unavailable.ts';
import { persevere } from './persevere.ts';

function failing(times: number, error: Error) {
  let left = times;
  const pauses: number[] = [];
  const run = async () => {
    left -= 1;
    if (left >= 0) throw error;
    return 'kept';
  };
  return { run, pauses, onFailed: (_: unknown, pauseMs: number) => void pauses.push(pauseMs) };
}

test('it is tried again after a pause that grows, whatever the failure was', async () => {
  const { run, pauses, onFailed } = failing(2, new Error('unique'));
  expect(await persevere(run, { signal: new AbortController().signal, onFailed })).toBe('kept');
  expect(pauses).toEqual([100, 200]);
});

test('a stop ends the tries in the middle of a pause', async () => {
  const stopping = new AbortController();
  const { run, pauses } = failing(9, new Error('unique'));
  const onFailed = (_: unknown, pauseMs: number) => {
    pauses.push(pauseMs);
    stopping.abort();
  };
  await expect(persevere(run, { signal: stopping.signal, onFailed })).rejects.toThrow('unique');
  expect(pauses).toEqual([100]);
});

test('what was waited for already is told at once', async () => {
  const { run, pauses, onFailed } = failing(1, new DatabaseUnavailable(false, { cause: new Error('gone') }));
  await expect(persevere(run, { signal: new AbortController().signal, onFailed })).rejects.toThrow('gone');
  expect(pauses).toEqual([]);
});
