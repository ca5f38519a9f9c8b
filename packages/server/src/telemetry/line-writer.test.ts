import { expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { createLineWriter } from './line-writer.ts';

function fakeDescriptor() {
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const state = { text: '', writes: 0, isFull: false, takes: Number.POSITIVE_INFINITY };
  const write = (_fd: number, bytes: Buffer, done: (error: Error | null, count: number) => void) => {
    state.writes += 1;
    const { isFull, takes } = state;
    setImmediate(() => {
      if (isFull) return done(full, 0);
      const taken = bytes.subarray(0, takes);
      state.text += taken.toString();
      done(null, taken.length);
    });
  };
  return { state, write };
}

it('lines of one moment are written together', async () => {
  const { state, write } = fakeDescriptor();
  const lines = createLineWriter(2, { write });
  for (let index = 0; index < 100; index += 1) lines.write(`${index}\n`);
  expect(state.writes).toBe(0);
  await until('the lines are written', () => state.text.endsWith('99\n'));
  expect(state.writes).toBe(1);
  lines.write('later\n');
  await until('the next line is written', () => state.text.endsWith('later\n'));
  expect(state.writes).toBe(2);
});

it('many characters do not wait', () => {
  const { state, write } = fakeDescriptor();
  createLineWriter(2, { write, gatherMs: 1_000_000 }).write(`${'x'.repeat(10_000)}\n`);
  expect(state.writes).toBe(1);
});

it('after a full disk every line is there, whole and in order', async () => {
  const { state, write } = fakeDescriptor();
  const lines = createLineWriter(2, { write, gatherMs: 1, againMs: 5 });
  state.isFull = true;
  lines.write('first\n');
  await until('it was tried', () => state.writes > 2);
  lines.write('second\n');
  state.isFull = false;
  state.takes = 4; // the room comes bit by bit
  await until('all is written', () => state.text.length === 'first\nsecond\n'.length);
  expect(state.text).toBe('first\nsecond\n');
});

it('what memory does not hold is lost, and counted', async () => {
  const { state, write } = fakeDescriptor();
  const lost: number[] = [];
  const onLost = (count: number) => lost.push(count);
  const lines = createLineWriter(2, { write, onLost, gatherMs: 1, againMs: 5, maxCharacters: 20 });
  state.isFull = true;
  lines.write('in flight\n');
  await until('it was tried', () => state.writes > 0);
  for (let index = 0; index < 5; index += 1) lines.write('waiting\n');
  state.isFull = false;
  await until('the loss is told', () => lost.length > 0);
  await until('the rest is written', () => state.text === 'in flight\nwaiting\nwaiting\n');
  expect(lost).toEqual([3]);
});
